"""A record that kills watch: after three crashes it is in quarantine, and all others flow."""
import os

from centre import Centre, wait_for


def main():
    with Centre(env={"COLOA_FAULT": "watch.poison:PoIsOnEd-record"}) as c:
        c.start()
        token = c.token()
        lines = [b'{"message":"before","poison":{"n":"p%d"}}' % i for i in range(100)]
        lines.append(b'{"message":"PoIsOnEd-record","poison":{"n":"bad"}}')
        lines += [b'{"message":"after","poison":{"n":"p%d"}}' % i for i in range(100, 200)]
        status, _ = c.ingest(lines, token, "poison")
        assert status == 200
        wait_for("200 events around the poison", 90, lambda: c.count("poison.n:p*") == 200, every=0.5)
        kept = [f for f in os.listdir(f"{c.data}/quarantine/watch") if f.endswith(".record")]
        assert len(kept) == 1, kept
        with open(f"{c.data}/quarantine/watch/{kept[0]}", "rb") as f:
            assert b"PoIsOnEd-record" in f.read()
        assert c.count('"PoIsOnEd-record"') == 0
        watch = [r for r in c.status()["roles"] if r["name"] == "watch"][0]
        assert 3 <= watch["restarts"] <= 8, watch
        c.wait_ready()
        assert c.ingest([b'{"message":"later","poison":{"n":"p200"}}'], token)[0] == 200
        wait_for("the flow goes on", 20, lambda: c.count("poison.n:p*") == 201)
        print(f"ok: quarantined after {watch['restarts']} crashes, 201 others stored")


main()

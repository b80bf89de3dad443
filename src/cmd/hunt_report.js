(function () {
  "use strict";
  var root = document.documentElement, body = document.querySelector("#find tbody");
  var rows = Array.prototype.slice.call(body.rows), q = document.getElementById("q");
  var boxes = Array.prototype.slice.call(document.querySelectorAll("[data-level]"));
  var langs = Array.prototype.slice.call(document.querySelectorAll("[data-lang]"));
  var heads = Array.prototype.slice.call(document.querySelectorAll("#find th"));
  var texts = rows.map(function (r) { return r.textContent.toLowerCase(); });
  function lang(l) {
    root.lang = l;
    langs.forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.lang === l)); });
  }
  function filter() {
    var words = q.value.toLowerCase().split(/\s+/).filter(Boolean), on = {}, n = 0;
    boxes.forEach(function (b) { on[b.dataset.level] = b.checked; });
    rows.forEach(function (r, i) {
      var ok = on[r.dataset.l] && words.every(function (w) { return texts[i].indexOf(w) >= 0; });
      r.hidden = !ok;
      r.style.display = ok ? "" : "none";
      n += ok;
    });
    document.getElementById("shown").textContent = n + " / " + rows.length;
  }
  function sort(k) {
    var up = heads[k].getAttribute("aria-sort") !== "ascending";
    var key = function (r) { return k === 1 ? Number(r.dataset.l) : k === 4 ? r.cells[k].dataset.s : r.cells[k].textContent; };
    var order = rows.map(function (r, i) { return { r: r, k: key(r), i: i }; });
    order.sort(function (a, b) {
      var c = a.k < b.k ? -1 : a.k > b.k ? 1 : 0;
      return (up ? c : -c) || a.i - b.i;
    });
    heads.forEach(function (h) { h.removeAttribute("aria-sort"); });
    heads[k].setAttribute("aria-sort", up ? "ascending" : "descending");
    order.forEach(function (o) { body.appendChild(o.r); });
  }
  langs.forEach(function (b) { b.addEventListener("click", function () { lang(b.dataset.lang); }); });
  boxes.forEach(function (b) { b.addEventListener("change", filter); });
  q.addEventListener("input", filter);
  heads.forEach(function (h, k) {
    h.addEventListener("click", function () { sort(k); });
    h.addEventListener("keydown", function (e) { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); sort(k); } });
  });
  document.addEventListener("click", function (e) {
    if (e.target.closest && e.target.closest(".pick")) {
      q.value = e.target.closest(".pick").dataset.q;
      filter();
      document.getElementById("find").scrollIntoView({ behavior: "smooth" });
    }
  });
  lang(root.lang);
  filter();
})();

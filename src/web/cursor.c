#include "web/web_int.h"

#include "net/digest.h"

enum { BLOCK = 64, TAG = 16, PAYLOAD_MAX = 256 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* HMAC-SHA-256 (RFC 2104) over operation, NUL, payload. */
static enum err tag_of(const struct web_call *w, struct slice payload, uint8_t ret[static 32])
{
    char inner[BLOCK + 64 + 1 + PAYLOAD_MAX], outer[BLOCK + DIGEST_SHA256_BYTES];
    size_t op_n = strlen(w->route->operation) + 1, at = BLOCK;

    if (payload.n > PAYLOAD_MAX || op_n > 64)
        return ERR_LIMIT;
    for (size_t i = 0; i < BLOCK; i++) {
        uint8_t k = i < WEB_KEY_BYTES ? w->web->key[i] : 0;
        inner[i] = (char)(k ^ 0x36);
        outer[i] = (char)(k ^ 0x5c);
    }
    memcpy(inner + at, w->route->operation, op_n);
    at += op_n;
    memcpy(inner + at, payload.p, payload.n);
    at += payload.n;
    enum err e = digest_sha256((struct slice){inner, at}, (uint8_t *)outer + BLOCK);
    return e == ERR_NONE ? digest_sha256((struct slice){outer, sizeof(outer)}, ret) : e;
}

CHECKED enum err cursor_write(const struct web_call *w, struct slice payload, struct buf *out)
{
    uint8_t bytes[PAYLOAD_MAX + 32], tag[32];
    enum err e = tag_of(w, payload, tag);

    if (e != ERR_NONE)
        return e;
    memcpy(bytes, payload.p, payload.n);
    memcpy(bytes + payload.n, tag, TAG);
    size_t n = payload.n + TAG;
    unsigned acc = 0, bits = 0;
    for (size_t i = 0; i < n && e == ERR_NONE; i++) {
        acc = (acc << 8 | bytes[i]) & 0xffff;
        for (bits += 8; bits >= 6 && e == ERR_NONE; bits -= 6)
            e = buf_putc(out, digits[acc >> (bits - 6) & 63]);
    }
    if (e == ERR_NONE && bits > 0)
        e = buf_putc(out, digits[acc << (6 - bits) & 63]);
    return e;
}

static bool decode(const char *text, uint8_t *out, size_t cap, size_t *ret_n)
{
    unsigned acc = 0, bits = 0;
    size_t n = 0;

    for (; *text; text++) {
        const char *hit = strchr(digits, *text);
        if (!hit || n == cap)
            return false;
        acc = (acc << 6 | (unsigned)(hit - digits)) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(acc >> bits);
        }
    }
    *ret_n = n;
    return true;
}

CHECKED enum err cursor_read(const struct web_call *w, const char *text, struct slice *ret,
                             struct diag *diag)
{
    uint8_t bytes[PAYLOAD_MAX + TAG + 1], tag[32], differ = 0;
    size_t n;

    if (!decode(text, bytes, sizeof(bytes), &n) || n < TAG || n - TAG > PAYLOAD_MAX)
        return FAIL(diag, ERR_SYNTAX, 0, "the cursor is none of ours: start at the first page");
    struct slice payload = {(const char *)bytes, n - TAG};
    enum err e = tag_of(w, payload, tag);
    if (e != ERR_NONE)
        return e;
    for (size_t i = 0; i < TAG; i++)
        differ |= (uint8_t)(tag[i] ^ bytes[n - TAG + i]);
    if (differ)
        return FAIL(diag, ERR_SYNTAX, 0, "the cursor is none of ours: start at the first page");
    return arena_dup(w->arena, payload, ret);
}

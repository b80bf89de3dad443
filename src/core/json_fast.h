/* core/json_fast.h - the narrow door to simdjson; the only header that both C and C++ read.
 *
 * What comes back is simdjson's tape (doc/tape.md of simdjson): 64-bit words, a kind in the high
 * byte and a payload below it. json.c walks it; strings are payload offsets into `strings`, a
 * native-endian u32 length and then that many bytes. Both live until the next call.
 * No exception leaves: the file is compiled without them.
 */
#ifndef CORE_JSON_FAST_H
#define CORE_JSON_FAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes after the document that must be readable (their value does not matter). */
enum { JSON_FAST_PADDING = 64 };

enum json_fast_result { JSON_FAST_OK, JSON_FAST_REFUSED, JSON_FAST_NOMEM };

struct json_fast;

void json_fast_free(struct json_fast *f);
/* NULL when out of memory. */
struct json_fast *json_fast_new(size_t max_bytes, size_t max_depth);

enum json_fast_result json_fast_read(struct json_fast *f, const char *padded, size_t n,
                                     const uint64_t **ret_tape, const char **ret_strings);

#ifdef __cplusplus
}
#endif

#endif

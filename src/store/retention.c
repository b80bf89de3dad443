#include "store/retention.h"

#include <inttypes.h>

#include "core/clock.h"
#include "store/schema.h"

enum { SQL_BYTES_MAX = 1024, ANSWER_BYTES_MAX = RETENTION_PARTITIONS_MAX * 80 };

#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

static CHECKED enum err list(struct store_client *c, struct slice class, int64_t midnight_ns,
                             struct buf *sql, struct buf *out, struct diag *diag)
{
    struct store_params *p = &(struct store_params){.n = 1, .value = {class}};
    enum err e = buf_printf(sql,
                            "SELECT DISTINCT _partition_id FROM " SCHEMA_TABLE
                            " WHERE retention_class = {p0:String} AND ingested < "
                            "fromUnixTimestamp64Nano(toInt64(%" PRId64 "), 'UTC') LIMIT %d",
                            midnight_ns, RETENTION_PARTITIONS_MAX);

    return e == ERR_NONE ? store_select(c, buf_slice(sql), p, "TabSeparated", out, diag) : e;
}

CHECKED enum err store_drop_before(struct store_client *c, struct slice retention_class,
                                   int64_t before_ns, unsigned *ret_n, struct diag *diag)
{
    int64_t days = before_ns / NS_PER_DAY - (before_ns % NS_PER_DAY < 0);
    struct buf sql, ids, none;
    enum err e;

    *ret_n = 0;
    buf_init(&sql, SQL_BYTES_MAX);
    buf_init(&ids, ANSWER_BYTES_MAX);
    buf_init(&none, SQL_BYTES_MAX);
    e = list(c, retention_class, days * NS_PER_DAY, &sql, &ids, diag);
    for (size_t at = 0; e == ERR_NONE && at < ids.n;) {
        struct slice rest = slice_cut(buf_slice(&ids), at, ids.n);
        struct slice id = slice_cut(rest, 0, slice_find(rest, '\n'));
        at += id.n + 1;
        buf_reset(&sql);
        e = buf_printf(&sql, "ALTER TABLE " SCHEMA_TABLE " DROP PARTITION ID '%.*s'",
                       SLICE_ARG(id));
        if (e == ERR_NONE)
            e = store_select(c, buf_slice(&sql), NULL, "TabSeparated", &none, diag);
        if (e == ERR_NONE)
            ++*ret_n;
    }
    buf_done(&sql);
    buf_done(&ids);
    buf_done(&none);
    return e;
}

#include "store/schema.h"

#define TIME_CODEC "CODEC(Delta(8), ZSTD(1))"
#define ZSTD "CODEC(ZSTD(1))"
#define LOW "LowCardinality(String)"
#define MAP "Map(LowCardinality(String), String)"

static struct schema_column columns[SCHEMA_COLUMNS_MAX] = {
    [SB_ID] = {"id", "UUID", "UUID", "", SK_UUID, F_NONE},
    [SB_TIMESTAMP] = {"timestamp", "DateTime64(9, 'UTC')", "DateTime64(9, 'UTC')", TIME_CODEC,
                      SK_TIME, F_NONE},
    [SB_INGESTED] = {"ingested", "DateTime64(9, 'UTC')", "DateTime64(9, 'UTC')", TIME_CODEC,
                     SK_TIME, F_NONE},
    [SB_ORG] = {"org", "UInt32", "UInt32", "", SK_U32, F_NONE},
    [SB_SYSTEM] = {"system", "UInt32", "UInt32", "", SK_U32, F_NONE},
    [SB_SOURCE] = {"source", "UInt32", "UInt32", "", SK_U32, F_NONE},
    [SB_RETENTION_CLASS] = {"retention_class", LOW, "String", "", SK_STRING, F_NONE},
    [SB_SCHEMA_VERSION] = {"schema_version", "UInt16", "UInt16", "", SK_U16, F_NONE},
    [SB_FLAGS] = {"flags", "UInt8", "UInt8", "", SK_U8, F_NONE},
    [SB_MESSAGE] = {"message", "String", "String", ZSTD, SK_STRING, F_NONE},
    [SB_MESSAGE_FROM] = {"message_from", "UInt32", "UInt32", ZSTD, SK_U32, F_NONE},
    [SB_MESSAGE_BYTES] = {"message_bytes", "UInt32", "UInt32", ZSTD, SK_U32, F_NONE},
    [SB_ORIGINAL] = {"original", "String", "String", ZSTD, SK_STRING, F_NONE},
    [SB_TEXT] = {"text", "String", "String", ZSTD, SK_STRING, F_NONE},
    [SB_FIELDS] = {"fields", MAP, "Map(String, String)", ZSTD, SK_MAP, F_NONE},
    [SB_KINDS] = {"kinds", "Array(UInt8)", "Array(UInt8)", ZSTD, SK_BYTES, F_NONE},
    [SB_FOLDED] = {"folded", MAP, "Map(String, String)", ZSTD, SK_MAP, F_NONE},
};
static size_t columns_n;
static uint8_t column_at[F_N]; /* index in columns, 0 = none (index 0 is the id) */

/* Values that seldom repeat: a dictionary per part would only cost. */
static bool many_values(enum field f)
{
    static const enum field many[] = {
        F_PROCESS_COMMAND_LINE, F_URL_ORIGINAL, F_URL_PATH,        F_URL_QUERY,
        F_DNS_QUESTION_NAME,    F_FILE_PATH,    F_FILE_HASH_SHA256};

    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        if (many[i] == f)
            return true;
    return false;
}

static struct schema_column hot(enum field f)
{
    struct schema_column c = {field_info(f)->column, LOW, "String", "", SK_STRING, f};

    switch (field_info(f)->type) {
    case FT_IP:
        c.type = c.native = "IPv6";
        c.codec = ZSTD;
        c.kind = SK_IP;
        break;
    case FT_LONG:
        c.type = c.native = "Int64";
        c.codec = ZSTD;
        c.kind = SK_I64;
        break;
    case FT_LIST:
        c.type = "Array(LowCardinality(String))";
        c.native = "Array(String)";
        c.kind = SK_LIST;
        break;
    case FT_KEYWORD:
    case FT_TEXT:
    case FT_DOUBLE:
    case FT_TIME:
    case FT_BOOL:
        if (many_values(f)) {
            c.type = "String";
            c.codec = ZSTD;
        }
        break;
    }
    return c;
}

/* Runs before main, so that every thread sees the finished table without a lock. It reads only
 * what the dictionary knows at compile time (the names' addresses, not their text), so the order
 * of the two constructors does not matter. */
__attribute__((constructor)) static void columns_fill(void)
{
    columns_n = SB_N;
    for (size_t f = 1; f < F_N && columns_n < SCHEMA_COLUMNS_MAX; f++) {
        if (field_info((enum field)f)->store != FS_COLUMN)
            continue;
        column_at[f] = (uint8_t)columns_n;
        columns[columns_n++] = hot((enum field)f);
    }
}

const struct schema_column *schema_columns(size_t *ret_n)
{
    *ret_n = columns_n;
    return columns;
}

const struct schema_column *schema_column_of(enum field f)
{
    return (size_t)f < F_N && column_at[f] ? &columns[column_at[f]] : NULL;
}

static CHECKED enum err put_column(const struct schema_column *c, struct buf *out)
{
    /* The default of an integer column has to be written out: the engine's own is 0. */
    return buf_printf(out, "`%s` %s%s%s%s", c->name, c->type,
                      c->kind == SK_I64 ? " DEFAULT -9223372036854775808" : "",
                      *c->codec ? " " : "", c->codec);
}

/* Equality is asked of the folded form, so that is what the indexes hold. */
static const char indexes[] =
    " INDEX ix_id id TYPE bloom_filter(0.001) GRANULARITY 1,\n"
    " INDEX ix_time timestamp TYPE minmax GRANULARITY 1,\n"
    " INDEX ix_source_ip source_ip TYPE bloom_filter(0.01) GRANULARITY 1,\n"
    " INDEX ix_destination_ip destination_ip TYPE bloom_filter(0.01) GRANULARITY 1,\n"
    " INDEX ix_user_name lower(user_name) TYPE bloom_filter(0.01) GRANULARITY 4,\n"
    " INDEX ix_host_name lower(host_name) TYPE bloom_filter(0.01) GRANULARITY 4,\n"
    " INDEX ix_dns lower(dns_question_name) TYPE bloom_filter(0.01) GRANULARITY 1,\n"
    " INDEX ix_sha256 lower(file_hash_sha256) TYPE bloom_filter(0.01) GRANULARITY 1,\n"
    " INDEX ix_fields mapKeys(fields) TYPE bloom_filter(0.01) GRANULARITY 1,\n"
    " INDEX ix_folded mapKeys(folded) TYPE bloom_filter(0.01) GRANULARITY 1\n";

static const char *const settings[] = {
    "fsync_after_insert = 1",
    "fsync_part_directory = 1",
    "min_rows_to_fsync_after_merge = 1",
    "non_replicated_deduplication_window = 10000",
    "old_parts_lifetime = 60",
    NULL,
};

const char *schema_setting(size_t i)
{
    return settings[i < ARRAY_LEN(settings) ? i : ARRAY_LEN(settings) - 1];
}

/* Below this many bytes a part is one file, not several for each column: blocks of 12,500 rows
 * then cost half the processor time, merges included, and blocks of 50,000 a fifth less. */
#define ONE_FILE "min_bytes_for_wide_part = 134217728, min_rows_for_wide_part = 0"

const char schema_tuning[] = "ALTER TABLE " SCHEMA_TABLE " MODIFY SETTING " ONE_FILE;

CHECKED enum err schema_ddl(struct buf *out)
{
    enum err e = buf_puts(out, "CREATE TABLE IF NOT EXISTS " SCHEMA_TABLE " (\n");

    for (size_t i = 0; e == ERR_NONE && i < columns_n; i++) {
        e = buf_putc(out, ' ');
        if (e == ERR_NONE)
            e = put_column(&columns[i], out);
        if (e == ERR_NONE)
            e = buf_puts(out, ",\n");
    }
    if (e == ERR_NONE)
        e = buf_puts(out, indexes);
    if (e == ERR_NONE)
        e = buf_puts(out, ") ENGINE = MergeTree\n"
                          "PARTITION BY (retention_class, toDate(ingested))\n"
                          "ORDER BY (org, timestamp)\nSETTINGS ");
    for (size_t i = 0; e == ERR_NONE && settings[i]; i++)
        e = buf_printf(out, "%s%s", i ? ", " : "", settings[i]);
    return e == ERR_NONE ? buf_puts(out, ", " ONE_FILE) : e;
}

CHECKED enum err schema_add_column(const struct schema_column *c, struct buf *out)
{
    enum err e = buf_puts(out, "ALTER TABLE " SCHEMA_TABLE " ADD COLUMN IF NOT EXISTS ");

    return e == ERR_NONE ? put_column(c, out) : e;
}

CHECKED enum err schema_column_list(struct buf *out)
{
    enum err e = ERR_NONE;

    for (size_t i = 0; e == ERR_NONE && i < columns_n; i++)
        e = buf_printf(out, "%s`%s`", i ? ", " : "", columns[i].name);
    return e;
}

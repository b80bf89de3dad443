/* desk/db_int.h - what an engine implements. Private to db*.c. */
#ifndef DESK_DB_INT_H
#define DESK_DB_INT_H

#include "desk/db.h"

struct db_ops {
    void (*close)(struct db *db);
    enum err (*exec)(struct db *db, const char *sql, struct diag *diag);
    /* Values are clean text by now. ret_changed may be NULL. */
    enum err (*query)(struct db *db, const char *sql, const struct db_value *args, size_t args_n,
                      struct db_rows **ret, struct diag *diag);
    enum err (*next)(struct db_rows *rows, bool *ret_row, struct diag *diag);
    int64_t (*changed)(struct db_rows *rows); /* after next said that there are no more */
    int64_t (*get_int)(const struct db_rows *rows, unsigned col);
    struct slice (*get_text)(const struct db_rows *rows, unsigned col);
    bool (*is_null)(const struct db_rows *rows, unsigned col);
    void (*rows_free)(struct db_rows *rows);
    enum err (*begin)(struct db *db, struct diag *diag);
    enum err (*commit)(struct db *db, struct diag *diag);
    void (*rollback)(struct db *db);
};

/* First members of each engine's own structs. */
struct db {
    const struct db_ops *ops;
    enum db_kind kind;
    bool in_tx;
};

struct db_rows {
    const struct db_ops *ops;
};

#endif

/* store/server_int.h - parts of the server that have their own file or their own test. */
#ifndef STORE_SERVER_INT_H
#define STORE_SERVER_INT_H

#include "store/backend_int.h"

/* Makes the table or brings it up to date, reads its durability settings back, counts the parts
 * that were set aside. dir (NULL with a server behind) receives schema.sql, the DDL, and keep/,
 * copies of the engine's own definitions, whose damage keeps the whole store from opening. */
CHECKED enum err store_server_prepare(struct backend_session *s, const char *dir,
                                      uint64_t *ret_detached, struct diag *diag);

bool store_server_is_upkeep(struct slice sql);
bool store_server_cut_format(struct slice *sql, const char **ret_format);
int store_server_status(int code); /* the HTTP status of an engine's error number */

#endif

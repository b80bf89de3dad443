#include "core/test.h"

#include "web/web_int.h"

#include <stdio.h>
#include <stdlib.h>

static void test_find(void **state)
{
    static const struct {
        const char *method, *path, *operation, *param; /* operation NULL: none */
        bool known;
    } rows[] = {
        {"GET", "/api/v1/alerts", "alerts_list", "", true},
        {"HEAD", "/api/v1/alerts", "alerts_list", "", true},
        {"GET", "/api/v1/alerts/alr_1", "alerts_get", "alr_1", true},
        {"PATCH", "/api/v1/alerts/alr_1", "alerts_change", "alr_1", true},
        {"DELETE", "/api/v1/alerts/alr_1", NULL, "", true},
        {"GET", "/api/v1/alerts/", NULL, "", false},
        {"GET", "/api/v1/alerts/a/b", NULL, "", false},
        {"GET", "/api/v1/alerts/a/events", "alerts_events", "a", true},
        {"GET", "/api/v1/events/count", "events_count", "", true},
        {"GET", "/api/v1/events/0190", "events_get", "0190", true},
        {"POST", "/api/v1/users/usr_1/password", "users_password", "usr_1", true},
        {"POST", "/api/v1/users//password", NULL, "", false},
        {"GET", "/api/v1", NULL, "", false},
        {"GET", "", NULL, "", false},
        {"GET", "/healthz", "healthz", "", true},
        {"GET", "/healthz/", NULL, "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice param = {0};
        bool known;
        const struct web_route *r = route_find(rows[i].method, rows[i].path, &param, &known);
        if (!r != !rows[i].operation || known != rows[i].known)
            fail_msg("%s %s", rows[i].method, rows[i].path);
        if (r) {
            assert_string_equal(r->operation, rows[i].operation);
            assert_true(slice_eq(param, slice_of(rows[i].param)));
        }
    }
    char longest[400] = "/api/v1/alerts/";
    struct slice param;
    bool known;
    memset(longest + strlen(longest), 'a', 300);
    assert_null(route_find("GET", longest, &param, &known));
}

static char *read_file(const char *name, size_t *ret_n)
{
    const char *root = getenv("COLOA_SOURCE_ROOT");
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", root ? root : ".", name);
    FILE *in = fopen(path, "r");
    if (!in)
        fail_msg("cannot read %s", path);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    *ret_n = fread(text, 1, (1 << 20) - 1, in);
    fclose(in);
    return text;
}

static const char *lower(const char *method, char out[static 16])
{
    size_t i = 0;

    for (; method[i] && i < 15; i++)
        out[i] = (char)(method[i] | 0x20);
    out[i] = '\0';
    return out;
}

/* docs/api/openapi.json and routes.def say the same, both ways. */
static void test_openapi(void **state)
{
    size_t n, described = 0;
    char *text = read_file("docs/api/openapi.json", &n), word[16];
    struct json_reader *r = json_reader_new(1 << 20, 100000);
    const struct json_node *root;
    struct diag d = {0};

    (void)state;
    if (json_read_strict(r, (struct slice){text, n}, &root, &d) != ERR_NONE)
        fail_msg("openapi.json: %s", d.text);
    assert_true(slice_eq(json_get_str(root, "openapi"), SLICE("3.1.0")));
    const struct json_node *paths = json_get(root, "paths");
    for (size_t i = 0; i < route_n(); i++) {
        const struct web_route *route = route_at(i);
        const struct json_node *op =
            json_get(json_get(paths, route->path), lower(route->method, word));
        if (!op || !slice_eq(json_get_str(op, "operationId"), slice_of(route->operation)))
            fail_msg("%s %s is not described as %s", route->method, route->path, route->operation);
        const char *permission = permission_word(route->permission);
        struct slice said = json_get_str(op, "x-permission");
        if (permission && !slice_eq(said, slice_of(permission)))
            fail_msg("%s needs %s, described as %.*s", route->operation, permission,
                     SLICE_ARG(said));
        const struct json_node *security = json_get(op, "security");
        if ((route->permission == PERM_PUBLIC) != (security && security->n == 0))
            fail_msg("%s: public or not?", route->operation);
        if ((strcmp(route->method, "GET") == 0 || strcmp(route->method, "DELETE") == 0) &&
            route->body_bytes != 0)
            fail_msg("%s takes no body", route->operation);
        if (json_get(op, "requestBody") && route->body_bytes == 0)
            fail_msg("%s takes a body", route->operation);
    }
    for (const struct json_node *p = paths->child; p; p = p->next)
        described += p->n;
    assert_int_equal(described, route_n());
    json_reader_free(r);
    free(text);
}

static void test_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < route_n(); i++)
        assert_true(strcmp(route_at(i - 1)->path, route_at(i)->path) <= 0);
    for (int p = PERM_SIGNED_IN + 2; p < PERM_N; p++)
        assert_true(strcmp(permission_word((enum web_permission)(p - 1)),
                           permission_word((enum web_permission)p)) < 0);
}

static void test_permissions(void **state)
{
    (void)state;
    for (int p = 0; p < PERM_N; p++)
        assert_true(permission_has(USER_ADMIN, (enum web_permission)p));
    /* programs read and search, and change nothing */
    for (size_t i = 0; i < route_n(); i++) {
        const struct web_route *r = route_at(i);
        if (strcmp(r->method, "GET") != 0 && r->permission > PERM_SIGNED_IN) {
            assert_false(permission_has(USER_MACHINE, r->permission));
            assert_false(permission_has(USER_VIEWER, r->permission));
            assert_false(permission_has(USER_ASSESSOR, r->permission));
        }
    }
    assert_true(permission_has(USER_ASSESSOR, PERM_AUDIT_READ));
    assert_false(permission_has(USER_LEAD, PERM_AUDIT_READ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_openapi),
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_permissions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

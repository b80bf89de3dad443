#include "core/test.h"
#include "store/writer.h"

#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "net/sock.h"
#include "store/fixture.h"

static struct fixture store;
static const char *skip_why;

static int setup(void **state)
{
    (void)state;
    (void)fixture_init(&store, &skip_why);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (!skip_why)
        fixture_done(&store);
    return 0;
}

static void need_engine(void)
{
    if (skip_why) {
        print_message("skipped: %s\n", skip_why);
        skip();
    }
}

struct cursor {
    struct store_pos pos;
    int failing; /* this many saves fail */
};

static CHECKED enum err save(void *arg, struct store_pos to, struct diag *diag)
{
    struct cursor *c = arg;

    if (c->failing > 0) {
        c->failing--;
        return FAIL(diag, ERR_FULL, 0, "no space for the cursor");
    }
    c->pos = to;
    return ERR_NONE;
}

static struct store_writer *open_writer(struct cursor *c, const char *name)
{
    struct store_writer_options o = {.unix_socket = store.socket,
                                     .state_dir = store.dir,
                                     .name = name,
                                     .replay = strcmp(name, "again") == 0,
                                     .save = save,
                                     .arg = c};
    struct store_writer *w = NULL;
    struct diag d = {.code = ERR_NONE};

    assert_int_equal(store_writer_open(&o, &w, &d), ERR_NONE);
    return w;
}

/* Event n stands at offset n of segment 1 of an imagined journal. */
static void add(struct store_writer *w, struct arena *a, uint64_t from, uint64_t to, uint32_t org)
{
    store_writer_begin(w, (struct store_pos){1, from});
    for (uint64_t i = from; i < to; i++) {
        struct event *ev = fixture_event(a, i, "Failed password for admin from 10.0.0.1");
        ev->org = org;
        ev->record->id.b[9] = (uint8_t)org;
        ev->id = id_event(ev->record->id, 1);
        assert_int_equal(store_writer_add(w, ev), ERR_NONE);
    }
}

static void bytes_survive(void **state)
{
    struct cursor c = {{0, 0}, 0};
    struct store_writer *w;
    struct arena a;
    struct buf out;
    struct diag d = {.code = ERR_NONE};
    (void)state;

    need_engine();
    arena_init(&a, 1 << 20);
    buf_init(&out, 1 << 20);
    w = open_writer(&c, "bytes");
    store_writer_begin(w, (struct store_pos){1, 0});
    struct event *ev = fixture_event(&a, 1, "x");
    ev->org = 9;
    ev->record->payload = ev->message = (struct slice){"a\0b\xff\xc3", 5};
    assert_int_equal(event_set(ev, F_USER_NAME, (struct slice){"r\0\xfe", 3}), ERR_NONE);
    assert_int_equal(event_set(ev, F_SOURCE_IP, SLICE("10.1.2.3")), ERR_NONE);
    assert_int_equal(event_set(ev, F_DESTINATION_IP, SLICE("2001:db8::1")), ERR_NONE);
    assert_int_equal(event_set(ev, F_SOURCE_PORT, SLICE("4711")), ERR_NONE);
    assert_int_equal(event_set(ev, F_HTTP_RESPONSE_STATUS_CODE, SLICE("teapot")), ERR_NONE);
    assert_int_equal(event_push(ev, F_TAGS, SLICE("one")), ERR_NONE);
    assert_int_equal(event_push(ev, F_TAGS, SLICE("hai ba\xcc\x80")), ERR_NONE);
    assert_int_equal(event_add(ev, (struct slice){"k\0\xfd", 3}, value_int(&a, 7)), ERR_NONE);
    assert_int_equal(event_add(ev, SLICE("message"), value_str(SLICE("theirs"))), ERR_NONE);
    assert_int_equal(store_writer_add(w, ev), ERR_NONE);
    assert_int_equal(store_writer_commit(w, (struct store_pos){1, 1}, &d), ERR_NONE);
    assert_string_equal(
        fixture_text(&store,
                     "SELECT hex(original), hex(substring(original, message_from, message_bytes)), "
                     "message, hex(user_name), toString(source_ip), toString(destination_ip), "
                     "source_port, http_response_status_code, tags[1], hex(mapKeys(fields)[2]), "
                     "mapValues(fields)[2], kinds, fields['coloa.sent.message'], "
                     "fields['http.response.status_code'], folded['http.response.status_code'], "
                     "hex(text), toUnixTimestamp64Nano(timestamp) FROM coloa.events WHERE org = 9",
                     &out),
        "610062FFC3\t610062FFC3\t\t7200FE\t::ffff:10.1.2.3\t2001:db8::1\t4711\t"
        "-9223372036854775808\tone\t6B00FD\t7\t[0,1,0]\ttheirs\tteapot\tteapot\t"
        "20612062FFC3200A207220FE200A20313020312032203320"
        "0A20323030312064623820312"
        "00A20746561706F74200A206F6E65200A2068616920626120"
        "0A2074686569727320\t1763999995001000000");
    store_writer_close(w);
    buf_done(&out);
    arena_done(&a);
}

/* The insert went well, but the cursor could not be saved and the program died: the replay, cut
 * in other places, adds nothing twice and nothing is lost. */
static void replay_after_crash(void **state)
{
    struct cursor c = {{1, 0}, 1};
    struct store_pos from, to;
    struct store_writer *w;
    struct arena a;
    struct diag d = {.code = ERR_NONE};
    (void)state;

    need_engine();
    arena_init(&a, 256 << 20);
    w = open_writer(&c, "replay");
    add(w, &a, 0, 9000, 10);
    assert_int_equal(store_writer_commit(w, (struct store_pos){1, 9000}, &d), ERR_FULL);
    store_writer_close(w);
    w = open_writer(&c, "replay");
    assert_true(store_writer_pending(w, &from, &to));
    assert_int_equal(from.offset, 0);
    assert_int_equal(to.offset, 9000);
    static const uint64_t cuts[] = {0, 100, 7000, 9500, 9600};
    for (size_t i = 0; i + 1 < ARRAY_LEN(cuts); i++) {
        arena_reset(&a);
        add(w, &a, cuts[i], cuts[i + 1], 10);
        assert_int_equal(store_writer_commit(w, (struct store_pos){1, cuts[i + 1]}, &d), ERR_NONE);
        assert_int_equal(c.pos.offset, cuts[i + 1]);
    }
    assert_false(store_writer_pending(w, &from, &to));
    store_writer_close(w);
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 10"),
                     9600);
    assert_int_equal(fixture_count(&store, "SELECT uniqExact(id) FROM coloa.events WHERE org = 10"),
                     9600);
    arena_done(&a);
}

/* Only a part of the planned rows arrived. */
static void replay_of_a_part(void **state)
{
    struct cursor c = {{1, 0}, 0};
    struct store_writer *w;
    struct arena a;
    struct plan p = {.from = {1, 0}, .to = {1, 5000}, .attempt = 1, .rows = 5000};
    char plans[96];
    struct diag d = {.code = ERR_NONE};
    (void)state;

    need_engine();
    arena_init(&a, 256 << 20);
    w = open_writer(&c, "part");
    add(w, &a, 0, 2000, 11);
    assert_int_equal(store_writer_commit(w, (struct store_pos){1, 2000}, &d), ERR_NONE);
    store_writer_close(w);
    (void)snprintf(plans, sizeof(plans), "%s/plans", store.dir);
    assert_int_equal(plan_save(plans, "part", &p, &d), ERR_NONE);
    w = open_writer(&c, "part");
    add(w, &a, 0, 5000, 11);
    assert_int_equal(store_writer_commit(w, (struct store_pos){1, 5000}, &d), ERR_NONE);
    store_writer_close(w);
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 11"),
                     5000);
    assert_int_equal(fixture_count(&store, "SELECT uniqExact(id) FROM coloa.events WHERE org = 11"),
                     5000);
    arena_done(&a);
}

/* The cursor was set back on purpose, and no plan says so. */
static void replay_asked_for(void **state)
{
    struct cursor c = {{1, 0}, 0};
    struct diag d = {.code = ERR_NONE};
    struct store_writer *w;
    struct arena a;
    (void)state;

    need_engine();
    arena_init(&a, 64 << 20);
    w = open_writer(&c, "again");
    for (uint64_t i = 4000; i < 6000; i += 500) {
        add(w, &a, i, i + 500, 11);
        assert_int_equal(store_writer_commit(w, (struct store_pos){1, i + 500}, &d), ERR_NONE);
    }
    store_writer_close(w);
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 11"),
                     6000);
    arena_done(&a);
}

enum { STORM_BLOCKS = 30, STORM_ROWS = 2000 };

static void *storm(void *arg)
{
    struct cursor c = {{1, 0}, 0};
    struct store_writer *w = open_writer(&c, "storm");
    struct arena a;
    struct diag d = {.code = ERR_NONE};

    arena_init(&a, 256 << 20);
    for (uint64_t i = 0; i < STORM_BLOCKS; i++) {
        arena_reset(&a);
        add(w, &a, i * STORM_ROWS, (i + 1) * STORM_ROWS, 12);
        if (store_writer_commit(w, (struct store_pos){1, (i + 1) * STORM_ROWS}, &d) != ERR_NONE)
            break;
        atomic_store((atomic_size_t *)arg, i + 1);
    }
    store_writer_close(w);
    arena_done(&a);
    return NULL;
}

/* The store is killed again and again while blocks arrive. */
static void kill_storm(void **state)
{
    atomic_size_t blocks = 0;
    pthread_t t;
    struct timespec nap = {0};
    (void)state;

    need_engine();
    assert_int_equal(pthread_create(&t, NULL, storm, &blocks), 0);
    for (unsigned i = 0; i < 6; i++) {
        nap.tv_nsec = 1000000L * (30 + 57 * (long)i);
        (void)nanosleep(&nap, NULL);
        fixture_kill(&store);
        assert_true(fixture_start(&store));
    }
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(atomic_load(&blocks), STORM_BLOCKS);
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 12"),
                     STORM_BLOCKS * STORM_ROWS);
    assert_int_equal(fixture_count(&store, "SELECT uniqExact(id) FROM coloa.events WHERE org = 12"),
                     STORM_BLOCKS * STORM_ROWS);
}

/* A road to the store on which answers to inserts can get lost: the rows are stored, and the writer
 * cannot know. */
enum { ROAD_CONNECTIONS = 40 };

struct road {
    int listener;
    atomic_int swallow; /* this many answers to inserts */
    atomic_bool stop;
};

static int dial(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void carry_both(struct road *r, int near, int far)
{
    char bytes[65536];
    bool insert = false;
    struct pollfd p[2] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};

    while (!atomic_load(&r->stop)) {
        if (poll(p, 2, 20) <= 0)
            continue;
        for (int i = 0; i < 2; i++) {
            if (!(p[i].revents & (POLLIN | POLLHUP)))
                continue;
            ssize_t n = read(p[i].fd, bytes, sizeof(bytes));
            if (n <= 0)
                return;
            if (i == 0 && n > 20 && memmem(bytes, (size_t)n, "query=INSERT", 12))
                insert = true;
            if (i == 1 && insert && atomic_load(&r->swallow) > 0) {
                atomic_fetch_sub(&r->swallow, 1);
                return;
            }
            for (ssize_t at = 0; at < n;) {
                ssize_t m = write(p[!i].fd, bytes + at, (size_t)(n - at));
                if (m <= 0)
                    return;
                at += m;
            }
        }
    }
}

struct trip {
    struct road *road;
    int near;
    pthread_t thread;
};

static void *carry(void *arg)
{
    struct trip *trip = arg;
    int far = dial(store.socket);

    carry_both(trip->road, trip->near, far);
    (void)close(trip->near);
    (void)close(far);
    return NULL;
}

/* Each connection has its thread: one that is kept open must not hold up the next. */
static void *travel(void *arg)
{
    struct road *r = arg;
    struct trip trips[ROAD_CONNECTIONS];
    size_t n = 0;

    while (!atomic_load(&r->stop)) {
        struct pollfd p = {.fd = r->listener, .events = POLLIN};
        if (poll(&p, 1, 20) <= 0)
            continue;
        assert_true(n < ROAD_CONNECTIONS);
        trips[n] = (struct trip){.road = r, .near = accept(r->listener, NULL, NULL)};
        assert_int_equal(pthread_create(&trips[n].thread, NULL, carry, &trips[n]), 0);
        n++;
    }
    while (n > 0)
        (void)pthread_join(trips[--n].thread, NULL);
    return NULL;
}

static void answers_lost(void **state)
{
    struct road r = {.swallow = 3};
    struct cursor c = {{1, 0}, 0};
    char path[96], real[96];
    struct store_writer *w;
    struct arena a;
    pthread_t t;
    struct diag d = {.code = ERR_NONE};
    (void)state;

    need_engine();
    arena_init(&a, 64 << 20);
    (void)snprintf(path, sizeof(path), "%s/road", store.dir);
    assert_int_equal(sock_listen_unix(path, &r.listener, &d), ERR_NONE);
    assert_int_equal(pthread_create(&t, NULL, travel, &r), 0);
    memcpy(real, store.socket, sizeof(real));
    memcpy(store.socket, path, sizeof(path));
    w = open_writer(&c, "road");
    memcpy(store.socket, real, sizeof(real));
    for (uint64_t i = 0; i < 5; i++) {
        arena_reset(&a);
        add(w, &a, i * 100, (i + 1) * 100, 14);
        if (store_writer_commit(w, (struct store_pos){1, (i + 1) * 100}, &d) != ERR_NONE)
            fail_msg("%s", d.text);
    }
    assert_int_equal(atomic_load(&r.swallow), 0);
    store_writer_close(w);
    atomic_store(&r.stop, true);
    assert_int_equal(pthread_join(t, NULL), 0);
    (void)close(r.listener);
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 14"), 500);
    assert_int_equal(fixture_count(&store, "SELECT uniqExact(id) FROM coloa.events WHERE org = 14"),
                     500);
    arena_done(&a);
}

static void stop_while_down(void **state)
{
    atomic_bool stop = true;
    struct cursor c = {{1, 0}, 0};
    struct store_writer_options o = {.unix_socket = "/nowhere/sock",
                                     .state_dir = store.dir,
                                     .name = "down",
                                     .stop = &stop,
                                     .save = save,
                                     .arg = &c};
    struct store_writer *w = NULL;
    struct store_pos from, to;
    struct arena a;
    struct diag d = {.code = ERR_NONE};
    (void)state;

    need_engine();
    arena_init(&a, 1 << 20);
    assert_int_equal(store_writer_open(&o, &w, &d), ERR_NONE);
    add(w, &a, 0, 3, 13);
    assert_int_equal(store_writer_commit(w, (struct store_pos){1, 3}, &d), ERR_BUSY);
    assert_int_equal(c.pos.offset, 0);
    assert_true(store_writer_pending(w, &from, &to));
    store_writer_close(w);
    arena_done(&a);
}

static void *endless(void *arg)
{
    struct store_client_options o = {.unix_socket = store.socket};
    struct store_client *c = store_client_new(&o);
    struct diag d = {.code = ERR_NONE};
    struct buf out;

    buf_init(&out, 4096);
    *(enum err *)arg =
        store_select(c, SLICE("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"), NULL,
                     "TSV", &out, &d);
    buf_done(&out);
    store_client_free(c);
    return NULL;
}

/* A question without end neither holds up the stop nor is left without an answer. */
static void clean_stop(void **state)
{
    struct timespec from, to, nap = {.tv_nsec = 300000000};
    enum err asked = ERR_NONE;
    pthread_t t;
    (void)state;

    need_engine();
    assert_int_equal(pthread_create(&t, NULL, endless, &asked), 0);
    (void)nanosleep(&nap, NULL);
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    assert_true(fixture_stop(&store));
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec < 3);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_not_equal(asked, ERR_NONE);
    assert_true(fixture_start(&store));
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 10"),
                     9600);
}

static unsigned definitions_n;
static char definitions[256];

static int damage_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    if (type == FTW_F && strcmp(path + f->base, "events.sql") == 0 && !strstr(path, "/keep/")) {
        (void)snprintf(definitions, sizeof(definitions), "%s", path);
        definitions_n++;
        return truncate(path, 0);
    }
    return 0;
}

static unsigned damage_definitions(const char *dir)
{
    definitions_n = 0;
    assert_int_equal(nftw(dir, damage_one, 8, FTW_PHYS), 0);
    return definitions_n;
}

static void restore_definitions(const char *dir)
{
    char from[300], bytes[65536];
    const char *below = definitions + strlen(dir) + strlen("/engine");

    (void)snprintf(from, sizeof(from), "%s/keep%s", dir, below);
    FILE *in = fopen(from, "rbe"), *out = fopen(definitions, "wbe");
    assert_non_null(in);
    assert_non_null(out);
    size_t n = fread(bytes, 1, sizeof(bytes), in);
    assert_true(n > 100);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    (void)fclose(in);
}

/* The engine's definition of the table is cut to nothing: the store says that it cannot open, and
 * the documented copy brings everything back. */
static void damaged_definition(void **state)
{
    char dir[96];
    (void)state;

    need_engine();
    assert_true(fixture_stop(&store));
    (void)snprintf(dir, sizeof(dir), "%s/store", store.dir);
    assert_int_equal(damage_definitions(dir), 1);
    assert_false(fixture_start(&store));
    fixture_kill(&store);
    restore_definitions(dir);
    assert_true(fixture_start(&store));
    assert_int_equal(fixture_count(&store, "SELECT count() FROM coloa.events WHERE org = 10"),
                     9600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_survive),      cmocka_unit_test(replay_after_crash),
        cmocka_unit_test(replay_of_a_part),   cmocka_unit_test(replay_asked_for),
        cmocka_unit_test(kill_storm),         cmocka_unit_test(answers_lost),
        cmocka_unit_test(stop_while_down),    cmocka_unit_test(clean_stop),
        cmocka_unit_test(damaged_definition),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

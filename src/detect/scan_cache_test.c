/* What is read back finds what was compiled; whatever is wrong with the file, it is compiled again.
 */
#include "core/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detect/scan_cache_int.h"

static char folder[] = "/tmp/coloa-scan-XXXXXX";
static char path[128];

static const struct scan_want first[] = {{{"mimikatz", 8}, true}, {{"\\cmd.exe", 8}, false}};
static const struct scan_want second[] = {{{"other", 5}, true}};

static void on_find(void *arg, uint32_t number, size_t end)
{
    *(unsigned *)arg |= 1u << number;
    assert_true(end > 0);
}

static void use(const struct scan *db)
{
    char text[64 + SCAN_PAD] = "a mimikatz c:\\cmd.exe";
    struct scan_scratch *scratch = NULL;
    unsigned found = 0;
    size_t n = strlen(text);

    scan_pad(text + n);
    assert_int_equal(scan_scratch_fit(&scratch, db), ERR_NONE);
    assert_true(scan_run(db, scratch, (struct slice){text, n}, on_find, &found));
    assert_int_equal(found, 3);
    scan_scratch_free(scratch);
}

/* Asks for both databases and says how many came from the file. */
static size_t load(bool other)
{
    struct scan_cache *c = scan_cache_open(folder);
    struct scan *db;
    size_t found, compiled;

    assert_non_null(c);
    assert_int_equal(scan_cache_literals(c, first, 2, &db), ERR_NONE);
    use(db);
    scan_free(db);
    if (other) {
        assert_int_equal(scan_cache_literals(c, second, 1, &db), ERR_NONE);
        scan_free(db);
    }
    scan_cache_counts(c, &found, &compiled);
    assert_int_equal(found + compiled, other ? 2 : 1);
    scan_cache_close(c);
    return found;
}

static void what_was_compiled_is_found(void **unused)
{
    (void)unused;
    (void)unlink(path);
    assert_int_equal(load(false), 0);
    assert_int_equal(load(false), 1);
    assert_int_equal(load(true), 1);
    assert_int_equal(load(true), 2);
    assert_int_equal(load(false), 1);
    assert_int_equal(load(true), 2);
}

static void a_damaged_file_is_as_good_as_none(void **unused)
{
    struct stat st;

    (void)unused;
    (void)load(true);
    assert_int_equal(stat(path, &st), 0);
    for (off_t at = 0; at < st.st_size; at += at < 64 ? 1 : 97) {
        FILE *f = fopen(path, "r+be");
        assert_non_null(f);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        int c = fgetc(f);
        assert_int_equal(fseek(f, at, SEEK_SET), 0);
        (void)fputc(c ^ 0x41, f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(load(true), 0);
        assert_int_equal(load(true), 2);
    }
    for (off_t n = 0; n < st.st_size; n += 101) {
        assert_int_equal(truncate(path, n), 0);
        assert_int_equal(load(true), 0);
        assert_int_equal(load(true), 2);
    }
    assert_int_equal(truncate(path, st.st_size + 8), 0);
    assert_int_equal(load(true), 0);
}

static void a_folder_that_is_not_there_is_no_error(void **unused)
{
    struct scan_cache *c = scan_cache_open("/nonexistent/folder");
    struct scan *db;

    (void)unused;
    assert_non_null(c);
    assert_int_equal(scan_cache_literals(c, first, 2, &db), ERR_NONE);
    use(db);
    scan_free(db);
    scan_cache_close(c);
    scan_cache_close(NULL);
}

static int begin(void **unused)
{
    (void)unused;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/scanner.cache", folder);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    (void)unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_compiled_is_found),
        cmocka_unit_test(a_damaged_file_is_as_good_as_none),
        cmocka_unit_test(a_folder_that_is_not_there_is_no_error),
    };

    return cmocka_run_group_tests(tests, begin, end);
}

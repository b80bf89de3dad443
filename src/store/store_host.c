/* The smallest program that is a store: for tests and benches, which must not load the engine
 * themselves (they may be built with sanitizers).
 *
 *   store_host DIR SOCKET [URL]     prints "ready" and serves until its standard input ends
 */
#include "store/server.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "net/sock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

int main(int argc, char **argv)
{
    struct store_server_options o = {.memory_bytes = UINT64_C(1536) << 20};
    struct store_server *s = NULL;
    struct diag d = {.code = ERR_NONE};
    char c;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: store_host DIR SOCKET [URL]\n");
        return 2;
    }
    if (SANITIZED) {
        (void)fprintf(stderr, "store_host: the engine cannot be loaded under sanitizers\n");
        return 77;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    o.data_dir = argv[1];
    o.url = argc > 3 ? argv[3] : NULL;
    enum err e = sock_listen_unix(argv[2], &o.listen_fd, &d);
    if (e == ERR_NONE)
        e = store_server_start(&o, &s, &d);
    if (e != ERR_NONE) {
        (void)fprintf(stderr, "store_host: %s\n", d.text);
        return e == ERR_NOENT ? 77 : 3;
    }
    (void)printf("ready %llu\n", (unsigned long long)store_server_detached(s));
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &c, 1) > 0)
        ;
    store_server_stop(s);
    (void)unlink(argv[2]);
    return 0;
}

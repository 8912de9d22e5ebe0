// witness.c - proves from outside when which process of a service ran.
//
// Appends "ID STARTED NOW" and a newline to the file $WITNESS ten times a second: the replica's id
// ($DROVER_REPLICA_ID, else the host name), when this process started, and now, both in nanoseconds of the
// wall clock. The hosts of the lab share kernel, clock and file system, so a folder mounted into every replica
// needs no network: what a host that is cut off does is seen too, and a frozen host writes nothing.
//
// Every line is one append of less than a block, so lines of several processes do not mix. Ends at SIGTERM.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void end(int number) {
    (void)number;
    _exit(0);
}

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(void) {
    signal(SIGTERM, end);  // the first process of a container has no default for it
    signal(SIGINT, end);
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const char *id = getenv("DROVER_REPLICA_ID"), *path = getenv("WITNESS");
    if (!id) id = host;
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
    if (fd < 0) {
        perror("witness: $WITNESS");
        return 1;
    }
    const long long started = now_ns();
    for (;;) {
        char line[512];
        int length = snprintf(line, sizeof line, "%s %lld %lld\n", id, started, now_ns());
        if (write(fd, line, (size_t)length) != length) {
            perror("witness: write");
            return 1;
        }
        struct timespec pause = {0, 100 * 1000000L};
        nanosleep(&pause, NULL);
    }
}

/* SPDX-License-Identifier: MIT
 *
 * libev.c - callbacks on libev. A task that yields is an idle watcher, which every iteration calls once.
 */
#include "../bench.h"
#include "../net.h"

#include <errno.h>
#include <ev.h>
#include <unistd.h>

static struct ev_loop *loop;
static unsigned long each, wanted;

/* ---- Yield ---- */

static void on_idle(struct ev_loop *where, ev_idle *idle, int events)
{
    uintptr_t left = (uintptr_t)idle->data - 1;
    (void)events;
    idle->data = (void *)left;
    if (left > 0)
        return;
    bench_done += each;
    ev_idle_stop(where, idle);
}

static void yield(unsigned long operations)
{
    ev_idle *watchers = (ev_idle *)calloc(bench_size, sizeof *watchers);
    unsigned long i;
    each = operations / bench_size;
    for (i = 0; i < bench_size; i++) {
        ev_idle_init(&watchers[i], on_idle);
        watchers[i].data = (void *)(uintptr_t)each;
        ev_idle_start(loop, &watchers[i]);
    }
    bench_start();
    ev_run(loop, 0);
    bench_stop();
    free(watchers);
}

/* ---- Timers ---- */

static double random_delay(void) { return (rand() + 1.0) / (RAND_MAX + 1.0); }

static void on_timer(struct ev_loop *where, ev_timer *timer, int events)
{
    (void)where, (void)timer, (void)events;
    bench_done++;
}

static void timers(unsigned long operations, double least, int cancel)
{
    ev_timer *watchers = (ev_timer *)calloc(operations, sizeof *watchers);
    unsigned long i;
    bench_start();
    ev_now_update(loop);
    for (i = 0; i < operations; i++) {
        ev_timer_init(&watchers[i], on_timer, least + random_delay(), 0);
        ev_timer_start(loop, &watchers[i]);
    }
    for (i = 0; cancel && i < operations; i++) {
        ev_timer_stop(loop, &watchers[i]);
        bench_done += !ev_is_active(&watchers[i]);
    }
    ev_run(loop, 0);
    bench_stop();
    free(watchers);
}

static void timers_cancel(unsigned long operations) { timers(operations, 0, 1); }
static void timers_fire(unsigned long operations) { timers(operations, 0, 0); }
static void sleepers(unsigned long operations) { timers(operations, 1, 0); }

static void on_wake(struct ev_loop *where, ev_timer *timer, int events)
{
    (void)events;
    if (++bench_done == wanted)
        return;
    ev_timer_set(timer, 0.001, 0);
    ev_timer_start(where, timer);
}

static void wake(unsigned long operations)
{
    ev_timer timer;
    wanted = operations;
    bench_start();
    ev_now_update(loop);
    ev_timer_init(&timer, on_wake, 0.001, 0);
    ev_timer_start(loop, &timer);
    ev_run(loop, 0);
    bench_stop();
}

/* ---- Echo: libev leaves reading and writing to the program ---- */

typedef struct connection {
    ev_io io;
    size_t sent, size;
    char *kept;
} connection;

static char shared[NET_BUFFER];

static void over(struct ev_loop *where, connection *client)
{
    ev_io_stop(where, &client->io);
    close(client->io.fd);
    free(client->kept);
    free(client);
}

static void watch(struct ev_loop *where, connection *client, int events)
{
    ev_io_stop(where, &client->io);
    ev_io_set(&client->io, client->io.fd, events);
    ev_io_start(where, &client->io);
}

static void write_more(struct ev_loop *where, connection *client)
{
    ssize_t sent = send(client->io.fd, client->kept + client->sent, client->size - client->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        over(where, client);
        return;
    }
    client->sent += sent > 0 ? (size_t)sent : 0;
    if (client->sent < client->size)
        return;
    free(client->kept);
    client->kept = NULL;
    watch(where, client, EV_READ);
}

static void on_client(struct ev_loop *where, ev_io *io, int events)
{
    connection *client = (connection *)io;
    ssize_t sent, got;
    if (events & EV_WRITE) {
        write_more(where, client);
        return;
    }
    got = recv(io->fd, shared, sizeof shared, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        over(where, client);
        return;
    }
    sent = send(io->fd, shared, (size_t)got, MSG_NOSIGNAL);
    if (sent == got)
        return;
    client->sent = 0;
    client->size = (size_t)(got - (sent > 0 ? sent : 0));
    client->kept = (char *)malloc(client->size);
    memcpy(client->kept, shared + (got - (ssize_t)client->size), client->size);
    watch(where, client, EV_WRITE);
}

static void on_connection(struct ev_loop *where, ev_io *listener, int events)
{
    int fd;
    (void)events;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        connection *client = (connection *)calloc(1, sizeof *client);
        net_nodelay(fd);
        ev_io_init(&client->io, on_client, fd, EV_READ);
        ev_io_start(where, &client->io);
    }
}

static int echo(const char *port)
{
    ev_io listener;
    ev_io_init(&listener, on_connection, net_listen(port), EV_READ);
    ev_io_start(loop, &listener);
    return !ev_run(loop, 0);
}

static const bench_case cases[] = {
    {"libev", "yield_2", yield, 2},
    {"libev", "yield_1000", yield, 1000},
    {"libev", "yield_100000", yield, 100000},
    {"libev", "timers_cancel", timers_cancel, 1},
    {"libev", "timers_fire", timers_fire, 1},
    {"libev", "sleepers", sleepers, 1},
    {"libev", "wake_1ms", wake, 1},
    {"libev", "echo", NULL, 1},
};

int main(int argc, char **argv)
{
    loop = ev_default_loop(EVFLAG_NOENV);
    if (argc > 4 && strcmp(argv[2], "echo") == 0)
        return echo(argv[4]);
    return BENCH_MAIN(argc, argv, cases);
}

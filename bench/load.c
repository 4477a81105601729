/* SPDX-License-Identifier: MIT
 *
 * load.c - the load of an echo server: connections that each send a message, wait until all of it is back, compare, and
 * send the next. Prints `requests requests_per_second p50 p99 p99.9`, the times in microseconds; the first counts the
 * warm-up's, too.
 *
 *     load port connections bytes seconds         bytes 0: connect, and stay silent
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "net.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

typedef struct connection {
    int fd;
    size_t sent, got;
    int64_t began;
} connection;

enum { SLOTS = 1 << 20, EVENTS = 256 };
static const int64_t second = 1000000000;

static char message[NET_BUFFER], answer[NET_BUFFER];
static size_t size;
static int poller;
static unsigned long requests, all, slots[SLOTS]; /* by microseconds */
static int measuring;

static int64_t clock_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Sends what fits; the rest when the socket takes more. */
static void send_more(connection *peer)
{
    while (peer->sent < size) {
        ssize_t sent = send(peer->fd, message + peer->sent, size - peer->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (sent < 0)
            fail("send");
        peer->sent += (size_t)sent;
    }
}

static void begin(connection *peer)
{
    peer->sent = peer->got = 0;
    peer->began = clock_now();
    send_more(peer);
}

static void end(connection *peer)
{
    int64_t took = (clock_now() - peer->began) / 1000;
    all++;
    if (measuring) {
        requests++;
        slots[took < SLOTS ? took : SLOTS - 1]++;
    }
    begin(peer);
}

static void receive(connection *peer)
{
    for (;;) {
        ssize_t got = recv(peer->fd, answer, size - peer->got, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0)
            fail("recv");
        if (memcmp(answer, message + peer->got, (size_t)got) != 0) {
            fprintf(stderr, "what came back is not what was sent\n");
            exit(1);
        }
        peer->got += (size_t)got;
        if (peer->got < size)
            continue;
        end(peer);
        return;
    }
}

static void step(void)
{
    struct epoll_event events[EVENTS];
    int i, count = epoll_wait(poller, events, EVENTS, 100);
    for (i = 0; i < count; i++) {
        connection *peer = (connection *)events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            send_more(peer);
        if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            receive(peer);
    }
}

static void run(int64_t nanoseconds)
{
    int64_t stop = clock_now() + nanoseconds;
    while (clock_now() < stop)
        step();
}

static unsigned long percentile(double part)
{
    unsigned long seen = 0;
    unsigned i;
    for (i = 0; i + 1 < SLOTS; i++)
        if ((double)(seen += slots[i]) >= part * (double)requests)
            break;
    return i;
}

static void open_connection(connection *peer, const char *port)
{
    struct sockaddr_in address = net_address(port);
    struct epoll_event event;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect");
    net_nodelay(peer->fd);
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = peer;
    if (epoll_ctl(poller, EPOLL_CTL_ADD, peer->fd, &event) < 0)
        fail("epoll_ctl");
}

int main(int argc, char **argv)
{
    unsigned long count, i;
    connection *peers;
    double seconds;
    int64_t began;
    if (argc < 5) /* it has no rows */
        return 0;
    count = strtoul(argv[2], NULL, 10);
    size = strtoul(argv[3], NULL, 10);
    seconds = strtod(argv[4], NULL);
    peers = (connection *)calloc(count, sizeof *peers);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (peers == NULL || poller < 0 || size > sizeof message)
        return 1;
    for (i = 0; i < sizeof message; i++)
        message[i] = (char)(i * 131 + 7);
    for (i = 0; i < count; i++)
        open_connection(&peers[i], argv[1]);
    for (i = 0; size > 0 && i < count; i++)
        begin(&peers[i]);
    run(second / 5); /* warm up */
    measuring = 1;
    began = clock_now();
    run((int64_t)(seconds * 1e9));
    if (size > 0)
        printf("%lu %.1f %lu %lu %lu\n", all, (double)requests * 1e9 / (double)(clock_now() - began), percentile(0.5),
               percentile(0.99), percentile(0.999));
    return size > 0 && requests == 0;
}

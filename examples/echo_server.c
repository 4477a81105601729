/* SPDX-License-Identifier: MIT
 *
 * echo_server.c - a TCP server that sends back what it gets. cc -I. examples/echo_server.c -o echo_server
 *
 *     $ ./echo_server 7007 &                               Python's asyncio, without streams:
 *     listening on port 7007
 *     $ echo hello | nc -N localhost 7007                  while True:
 *     hello                                                    client, _ = await loop.sock_accept(listener)
 *     $ kill %1                                                asyncio.create_task(connection(client))
 *     stopped
 *
 * Without an argument, or with 0, the system chooses the port. IPv6 and IPv4. One task per connection, so a slow client
 * keeps nobody waiting. Ctrl-C or SIGTERM ends it: connections are closed, then it exits with 0.
 *
 * Read it from top to bottom: what a connection does, who takes connections in, how the server starts and ends.
 */
#include "asyncio.h"
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Sends back what comes until the client has nothing more to say. ASYNC's arguments after the name are the coroutine's
 * fields: `fd` is its argument, `got` and `buf` are locals that must survive an await. */
ASYNC(echo, int fd; int got; char buf[4096];)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
        if (self->got == 0)
            break; /* end of file. The client may still be reading: everything has been sent before we get here */
        ASYNC_AWAIT(asyncio_sock_sendall(self->fd, self->buf, (size_t)self->got));
        /* Both of these go straight on while they can. A client as fast as we are must not keep the others waiting. */
        ASYNC_AWAIT(asyncio_sleep(0));
    }
    ASYNC_END;
}

/* One task per connection, and nobody awaits it: so it deals with its errors itself, and closes what it was given. A
 * cancellation is no error to catch: it passes, through FINALLY. The frame of the coroutine that it awaits lies in its
 * own frame: one allocation per connection. */
ASYNC(connection, int fd; int err; struct echo echo;)
{
    ASYNC_BEGIN;
    ASYNC_CATCH(self->err, ASYNC_IN(&self->echo, echo, .fd = self->fd));
    if (self->err != 0)
        fprintf(stderr, "connection lost: %s\n", asyncio_strerror(self->err));
    ASYNC_FINALLY;
    close(self->fd);
    ASYNC_END;
}

/* Takes connections in for ever; ends by an error or by being cancelled. */
ASYNC(accept_connections, int listener; int fd; int err;)
{
    ASYNC_BEGIN;
    for (;;) {
        ASYNC_CATCH_INTO(self->err, self->fd, asyncio_sock_accept(self->listener, NULL, NULL));
        if (self->err == EMFILE || self->err == ENFILE || self->err == ENOBUFS || self->err == ENOMEM) {
            fprintf(stderr, "cannot accept: %s\n", asyncio_strerror(self->err));
            ASYNC_AWAIT(asyncio_sleep(1)); /* it waits in the queue, and so do we: trying on and on would help nobody */
            continue;
        }
        if (self->err != 0)
            ASYNC_RAISE(self->err);
        /* eager_start runs the task's first part now. Otherwise, cancelled before its first step, it would never run at
         * all, and so never close the descriptor. */
        if (asyncio_create_task(ASYNC_NEW(connection, .fd = self->fd), .eager_start = 1) != 0)
            close(self->fd); /* out of memory; this has been reported already */
    }
    ASYNC_END;
}

/* A socket that listens on all addresses; negative: minus an errno value. An IPv6 socket serves IPv4, too, where the
 * system lets it; a system without IPv6 gets an IPv4 one. */
static int listen_on(int port)
{
    struct sockaddr_in6 any6;
    struct sockaddr_in any4;
    int fd, on = 1, off = 0, result;
    memset(&any6, 0, sizeof any6);
    any6.sin6_family = AF_INET6;
    any6.sin6_port = htons((uint16_t)port);
    memset(&any4, 0, sizeof any4);
    any4.sin_family = AF_INET;
    any4.sin_port = htons((uint16_t)port);
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        result = bind(fd, (struct sockaddr *)&any6, sizeof any6);
        if (result < 0 && errno == EADDRNOTAVAIL) { /* IPv6 is compiled in, but switched off */
            close(fd);
            fd = -1;
        }
    }
    if (fd < 0) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0)
            return -errno;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        result = bind(fd, (struct sockaddr *)&any4, sizeof any4);
    }
    if (result == 0)
        result = listen(fd, SOMAXCONN);
    if (result < 0) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

/* The port is at the same place in both kinds of address. */
static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    (void)getsockname(fd, (struct sockaddr *)&address, &size);
    return ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
}

/* Signals come as ordinary calls from the loop, so this may do anything. */
static void stop(void *task)
{
    asyncio_task_cancel((asyncio_task *)task, NULL);
}

ASYNC(server, int port; int listener; int err; struct accept_connections accepting;)
{
    ASYNC_BEGIN;
    self->listener = listen_on(self->port);
    if (self->listener < 0)
        ASYNC_RAISE(-self->listener);
    self->err = asyncio_set_nonblocking(self->listener); /* what is accepted is non-blocking without our help */
    if (self->err != 0)
        ASYNC_RAISE(self->err);
    (void)asyncio_add_signal_handler(asyncio_get_running_loop(), SIGINT, stop, asyncio_current_task());
    (void)asyncio_add_signal_handler(asyncio_get_running_loop(), SIGTERM, stop, asyncio_current_task());
    printf("listening on port %d\n", port_of(self->listener));
    fflush(stdout);
    ASYNC_CATCH_ALL(self->err, ASYNC_IN(&self->accepting, accept_connections, .listener = self->listener));
    if (self->err != ASYNCIO_ECANCELLED)
        ASYNC_RAISE(self->err);
    puts("stopped");
    ASYNC_FINALLY; /* runs in any case. After it run() cancels the connections that are left, and waits for them */
    if (self->listener >= 0)
        close(self->listener);
    ASYNC_END;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    long port = argc > 1 ? strtol(argv[1], &end, 10) : 0;
    if (argc > 2 || (end != NULL && (end == argv[1] || *end != '\0')) || port < 0 || port > 65535) {
        fprintf(stderr, "usage: echo_server [port]\n");
        return 2;
    }
    return asyncio_run(ASYNC_NEW(server, .port = (int)port)) != 0;
}

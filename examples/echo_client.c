/* SPDX-License-Identifier: MIT
 *
 * echo_client.c - many connections to an echo server at once. cc -I. examples/echo_client.c -o echo_client
 *
 *     $ ./echo_client localhost 7007 200 100000
 *     200 of 200 connections got their 100000 bytes back
 *
 * Each connection is a task, and each has a second task that sends while the first one receives: a server that sends
 * back what it gets stops reading when nobody reads its answers, so whoever only sends at first may wait for ever.
 */
#include "asyncio.h"
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Byte `at` of what connection `number` sends: different for each, so that a mix-up is noticed. */
static char pattern(int number, size_t at)
{
    return (char)((size_t)number * 31 + at * 7 + at / 256);
}

/* Sends everything, then says that there is no more. */
ASYNC(speak, int fd; int number; size_t total; size_t sent; size_t size; char buf[4096];)
{
    ASYNC_BEGIN;
    while (self->sent < self->total) {
        for (self->size = 0; self->size < sizeof self->buf && self->sent < self->total; self->size++, self->sent++)
            self->buf[self->size] = pattern(self->number, self->sent);
        ASYNC_AWAIT(asyncio_sock_sendall(self->fd, self->buf, self->size));
    }
    shutdown(self->fd, SHUT_WR);
    ASYNC_END;
}

/* Tries the server's addresses (IPv6, IPv4) one after the other. Gives a connected descriptor, or raises an error. */
ASYNC(connect_to, const struct addrinfo *server; int fd; int err;)
{
    ASYNC_BEGIN;
    for (; self->server != NULL; self->server = self->server->ai_next) {
        self->fd = socket(self->server->ai_family, self->server->ai_socktype, self->server->ai_protocol);
        if (self->fd < 0) {
            self->err = errno;
            continue;
        }
        self->err = asyncio_set_nonblocking(self->fd);
        if (self->err == 0)
            ASYNC_CATCH_ALL(self->err, asyncio_sock_connect(self->fd, self->server->ai_addr,
                                                            (socklen_t)self->server->ai_addrlen));
        if (self->err == 0)
            ASYNC_RETURN(self->fd);
        close(self->fd);
        if (self->err == ASYNCIO_ECANCELLED)
            break;
    }
    ASYNC_RAISE(self->err);
    ASYNC_END;
}

/* One connection. Gives 0 if everything came back as it was sent, or raises an error. */
ASYNC(converse, const struct addrinfo *server; int number; size_t total; int fd; int got, i; size_t received;
      int ignored; char buf[4096]; asyncio_task *speaker; struct connect_to connecting;)
{
    ASYNC_BEGIN;
    self->fd = -1;
    ASYNC_AWAIT_INTO(self->fd, ASYNC_IN(&self->connecting, connect_to, .server = self->server));
    asyncio_create_task(ASYNC_NEW(speak, .fd = self->fd, .number = self->number, .total = self->total),
                        .into = &self->speaker);
    for (;;) {
        ASYNC_AWAIT_INTO(self->got, asyncio_sock_recv(self->fd, self->buf, sizeof self->buf));
        if (self->got == 0)
            break;
        for (self->i = 0; self->i < self->got; self->i++)
            if (self->received == self->total || self->buf[self->i] != pattern(self->number, self->received++))
                ASYNC_RAISE(ASYNCIO_EVALUE);
    }
    if (self->received < self->total)
        ASYNC_RAISE(ASYNCIO_EINCOMPLETEREAD);
    ASYNC_AWAIT(self->speaker);
    ASYNC_FINALLY; /* the speaker must be gone before its descriptor is closed; one that is done is not cancelled */
    if (self->speaker != NULL) {
        asyncio_task_cancel(self->speaker, NULL);
        ASYNC_CATCH_ALL(self->ignored, self->speaker);
        asyncio_task_release(self->speaker);
    }
    if (self->fd >= 0)
        close(self->fd);
    ASYNC_END;
}

/* Starts all, then awaits them one after the other: they run at the same time all the same. */
ASYNC(client, const struct addrinfo *server; int count; size_t total; asyncio_task **tasks; int i, err, good;)
{
    ASYNC_BEGIN;
    self->tasks = (asyncio_task **)calloc((size_t)self->count, sizeof(asyncio_task *));
    if (self->tasks == NULL)
        ASYNC_RAISE(ASYNCIO_ENOMEM);
    for (self->i = 0; self->i < self->count; self->i++)
        asyncio_create_task(ASYNC_NEW(converse, .server = self->server, .number = self->i, .total = self->total),
                            .into = &self->tasks[self->i]);
    for (self->i = 0; self->i < self->count; self->i++) {
        ASYNC_CATCH(self->err, self->tasks[self->i]); /* Ctrl-C passes; run() then cancels the connections, too */
        if (self->err == 0)
            self->good++;
        else
            fprintf(stderr, "connection %d: %s\n", self->i, asyncio_strerror(self->err));
    }
    printf("%d of %d connections got their %lu bytes back\n", self->good, self->count, (unsigned long)self->total);
    ASYNC_RETURN(self->good == self->count);
    ASYNC_FINALLY;
    if (self->tasks != NULL)
        for (self->i = 0; self->i < self->count; self->i++)
            asyncio_task_release(self->tasks[self->i]);
    free(self->tasks);
    ASYNC_END;
}

int main(int argc, char **argv)
{
    struct addrinfo hints, *server;
    asyncio_value all_good = 0;
    int count = argc > 3 ? atoi(argv[3]) : 1, err;
    long total = argc > 4 ? atol(argv[4]) : 10000;
    if (argc < 3 || argc > 5 || count < 1 || total < 0) {
        fprintf(stderr, "usage: echo_client host port [connections [bytes]]\n");
        return 2;
    }
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    err = getaddrinfo(argv[1], argv[2], &hints, &server); /* blocks, so it comes before the loop */
    if (err != 0) {
        fprintf(stderr, "echo_client: %s: %s\n", argv[1], gai_strerror(err));
        return 1;
    }
    err = asyncio_run(ASYNC_NEW(client, .server = server, .count = count, .total = (size_t)total), .result = &all_good);
    freeaddrinfo(server);
    return err != 0 || !all_good;
}

#include "asyncio.h"
#include "tap.h"

static void tick_log(const char *w) { log_number(asyncio_get_running_loop()->ticks); log_add(w); }
ASYNC(inner)
{
    ASYNC_BEGIN;
    ASYNC_AWAIT(asyncio_sleep(10));
    ASYNC_FINALLY;
    tick_log("inner");
    ASYNC_END;
}
ASYNC(outer, asyncio_task *t; int e; const char *msg;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(inner), .into = &self->t);
    ASYNC_CATCH_INTO(self->e, self->msg, self->t);
    tick_log("outer"); log_add(self->msg); log_number(asyncio_task_cancelled(self->t));
    ASYNC_RAISE(self->e, self->msg);
    ASYNC_END;
}
ASYNC(t12, asyncio_task *t; int e;)
{
    ASYNC_BEGIN;
    asyncio_create_task(ASYNC_NEW(outer), .into = &self->t);
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    ASYNC_AWAIT(asyncio_sleep(0));
    tick_log("cancel");
    asyncio_task_cancel(self->t, "msg");
    ASYNC_CATCH(self->e, self->t);
    tick_log("done"); log_number(asyncio_task_cancelled(self->t));
    ASYNC_END;
}
ASYNC(noop) { ASYNC_BEGIN; tick_log("noop"); ASYNC_END; }
ASYNC(t06, asyncio_task *t; int e; struct noop sub;)
{
    ASYNC_BEGIN;
    tick_log("create");
    asyncio_create_task(ASYNC_NEW(noop), .into = &self->t);
    ASYNC_AWAIT(self->t);
    tick_log("after");
    ASYNC_AWAIT(ASYNC_IN(&self->sub, noop));
    tick_log("after");
    ASYNC_AWAIT(ASYNC_NEW(noop));
    tick_log("after");
    ASYNC_AWAIT(asyncio_sleep(0.5));
    tick_log("end");
    ASYNC_END;
}
TEST(test_t12) {
    CHECK_EQ(asyncio_run(ASYNC_NEW(t12), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("4 cancel 5 inner 6 outer msg 1 7 done 1");
}
TEST(test_t06) {
    CHECK_EQ(asyncio_run(ASYNC_NEW(t06), .port = &asyncio_virtual_port), 0);
    CHECK_LOG("1 create 2 noop 3 after 3 noop 3 after 3 noop 3 after 5 end");
}
ASYNC(bad2, int n;) { ASYNC_BEGIN; ASYNC_AWAIT(asyncio_sleep(0)); ASYNC_RAISE(5); ASYNC_END; }
ASYNC(bad1) { ASYNC_BEGIN; ASYNC_AWAIT(ASYNC_NEW(bad2, .n = 1)); ASYNC_END; }
TEST(test_tb) { CHECK_EQ(asyncio_run(ASYNC_NEW(bad1)), 5); }
ASYNC(dead, asyncio_future f;) { ASYNC_BEGIN; asyncio_future_init(&self->f, NULL); ASYNC_AWAIT(&self->f); ASYNC_END; }
TEST(test_dead) { CHECK_EQ(asyncio_run(ASYNC_NEW(dead)), ASYNCIO_EDEADLOCK); }
int main(void) { RUN(test_t12); RUN(test_t06); RUN(test_tb); RUN(test_dead); return tap_end(); }

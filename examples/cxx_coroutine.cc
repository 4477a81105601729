/* SPDX-License-Identifier: MIT
 *
 * cxx_coroutine.cc - a coroutine in C++. c++ -I. examples/cxx_coroutine.cc -o cxx_coroutine
 *
 * The frame is plain data, as in C: an object with a constructor is reached through a pointer, or lives in a class whose
 * member functions start the coroutine. The body's own locals stand in a block that holds no await: the jump to a resume
 * point must not cross their initialisation.
 */
#include "cxx_coroutine.h"
#include <cstdio>
#include <string>

class thermometer {
public:
    explicit thermometer(const char *place) : place_(place), next_(193) {}
    int read() { return next_ += 4; }
    void show(int tenths) const
    {
        std::string line = place_ + ": " + std::to_string(tenths);
        std::puts(line.c_str());
    }

private:
    std::string place_;
    int next_;
};

thermometer *thermometer_new(const char *place) { return new thermometer(place); }
void thermometer_delete(thermometer *sensor) { delete sensor; }

ASYNC_DEFINE(average)
{
    ASYNC_BEGIN;
    if (self->samples <= 0)
        ASYNC_RAISE(ASYNCIO_EVALUE);
    for (; self->taken < self->samples; self->taken++) {
        {
            int tenths = self->sensor->read();
            self->sensor->show(tenths);
            self->sum += tenths;
        }
        ASYNC_AWAIT(asyncio_sleep(0.01));
    }
    ASYNC_RETURN(self->sum / self->samples);
    ASYNC_END;
}

ASYNC(main_coro, thermometer *sensor; struct average sub; int tenths; int err;)
{
    ASYNC_BEGIN;
    self->sensor = thermometer_new("kitchen");
    ASYNC_AWAIT_INTO(self->tenths, ASYNC_IN(&self->sub, average, .sensor = self->sensor, .samples = 3));
    std::printf("%d.%d degrees\n", self->tenths / 10, self->tenths % 10);
    ASYNC_CATCH(self->err, ASYNC_IN(&self->sub, average, .sensor = self->sensor));
    std::printf("no samples: %s\n", asyncio_errname(self->err));
    ASYNC_FINALLY;
    thermometer_delete(self->sensor);
    ASYNC_END;
}

int main() { return asyncio_run(ASYNC_NEW(main_coro)); }

// SPDX-License-Identifier: MIT

//! tokio's scheduler of one thread. Speaks the protocol of bench.h.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, Mutex, Semaphore};
use tokio::task::{yield_now, JoinHandle};

const SUBJECT: &str = "tokio";

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

fn cpu() -> f64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(2, &mut time) }; // CLOCK_PROCESS_CPUTIME_ID
    time.seconds as f64 * 1e9 + time.nanoseconds as f64
}

fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("VmHWM: 0");
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

struct Random(u64);

impl Random {
    /// Below a second.
    fn delay(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_nanos(self.0 % 1_000_000_000 + 1)
    }
}

fn random() -> Random {
    Random(88172645463325252)
}

async fn worker(argument: usize) -> usize {
    argument
}

async fn spawn(operations: usize, size: usize) -> usize {
    let batch = if size == 0 { operations } else { size };
    let mut tasks: VecDeque<JoinHandle<usize>> = VecDeque::with_capacity(batch);
    let mut sum = 0;
    for _ in 0..operations / batch {
        for _ in 0..batch {
            tasks.push_back(tokio::spawn(worker(1)));
        }
        while let Some(task) = tasks.pop_front() {
            sum += task.await.unwrap();
        }
    }
    sum
}

async fn yields(operations: usize, size: usize) -> usize {
    let turns = operations / size;
    let tasks: Vec<_> = (0..size)
        .map(|_| {
            tokio::spawn(async move {
                let mut done = 0;
                while done < turns {
                    yield_now().await;
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap();
    }
    sum
}

fn chain(depth: usize, turns: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if depth > 1 {
            return chain(depth - 1, turns).await;
        }
        let mut done = 0;
        while done < turns {
            yield_now().await;
            done += 1;
        }
        done
    })
}

async fn resume(operations: usize, size: usize) -> usize {
    tokio::spawn(chain(size, operations)).await.unwrap()
}

async fn ping_pong(operations: usize, _: usize) -> usize {
    let (to_other, mut from_me) = mpsc::channel::<oneshot::Sender<()>>(1);
    let other = tokio::spawn(async move {
        let mut done = 0;
        while let Some(answer) = from_me.recv().await {
            done += 1;
            let _ = answer.send(());
        }
        done
    });
    let mut done = 0;
    for _ in 0..operations / 2 {
        let (answer, hop) = oneshot::channel();
        to_other.send(answer).await.unwrap();
        hop.await.unwrap();
        done += 1;
    }
    drop(to_other);
    done + other.await.unwrap()
}

async fn mutex(operations: usize, _: usize) -> usize {
    let lock = Mutex::new(0);
    for _ in 0..operations {
        *lock.lock().await += 1;
    }
    lock.into_inner()
}

async fn semaphore(operations: usize, _: usize) -> usize {
    let slots = Semaphore::new(1);
    let mut done = 0;
    for _ in 0..operations {
        let _permit = slots.acquire().await.unwrap();
        done += 1;
    }
    done
}

async fn contended(operations: usize, size: usize) -> usize {
    let lock = Arc::new(Mutex::new(0));
    let tasks: Vec<_> = (0..size)
        .map(|_| {
            let lock = lock.clone();
            tokio::spawn(async move {
                for _ in 0..operations / size {
                    let mut done = lock.lock().await;
                    yield_now().await;
                    *done += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let done = *lock.lock().await;
    done
}

async fn queue(operations: usize, size: usize) -> usize {
    let (sender, mut receiver) = mpsc::channel::<u64>(size);
    tokio::spawn(async move {
        for i in 0..operations {
            sender.send(i as u64).await.unwrap();
        }
    });
    let mut done = 0;
    while receiver.recv().await.is_some() {
        done += 1;
    }
    done
}

async fn timeout(operations: usize, _: usize) -> usize {
    let mut done = 0;
    for _ in 0..operations {
        done += tokio::time::timeout(Duration::from_secs(5), std::future::ready(1)).await.unwrap();
    }
    done
}

async fn cancel(operations: usize, _: usize) -> usize {
    let mut done = 0;
    for _ in 0..operations {
        let task = tokio::spawn(tokio::time::sleep(Duration::from_secs(3600)));
        yield_now().await;
        task.abort();
        done += task.await.unwrap_err().is_cancelled() as usize;
    }
    done
}

/// A timer is armed when it is polled for the first time.
async fn timers_cancel(operations: usize, _: usize) -> usize {
    let mut random = random();
    let mut timers = Vec::with_capacity(operations);
    for _ in 0..operations {
        let mut timer = Box::pin(tokio::time::sleep(Duration::from_secs(10) + random.delay()));
        let pending = std::future::poll_fn(|context| {
            std::task::Poll::Ready(timer.as_mut().poll(context).is_pending())
        });
        if pending.await {
            timers.push(timer);
        }
    }
    timers.len()
}

async fn sleeping(operations: usize, least: Duration) -> usize {
    let mut random = random();
    let tasks: Vec<_> = (0..operations)
        .map(|_| {
            let delay = least + random.delay();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                1
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }
    done
}

/// There is no timer without something that waits for it: tasks that sleep.
async fn timers_fire(operations: usize, _: usize) -> usize {
    sleeping(operations, Duration::ZERO).await
}

async fn sleepers(operations: usize, _: usize) -> usize {
    sleeping(operations, Duration::from_secs(1)).await
}

async fn wake(operations: usize, _: usize) -> usize {
    let mut done = 0;
    for _ in 0..operations {
        tokio::time::sleep(Duration::from_millis(1)).await;
        done += 1;
    }
    done
}

async fn echo(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let _ = client.set_nodelay(true);
        tokio::spawn(async move {
            let mut buffer = vec![0; 16384];
            while let Ok(got) = client.read(&mut buffer).await {
                if got == 0 || client.write_all(&buffer[..got]).await.is_err() {
                    break;
                }
            }
        });
    }
}

type Row = (&'static str, fn(usize, usize) -> Pin<Box<dyn Future<Output = usize> + Send>>, usize);

const ROWS: &[Row] = &[
    ("spawn_1", |n, size| Box::pin(spawn(n, size)), 1),
    ("spawn_1000", |n, size| Box::pin(spawn(n, size)), 1000),
    ("spawn_all", |n, size| Box::pin(spawn(n, size)), 0),
    ("yield_2", |n, size| Box::pin(yields(n, size)), 2),
    ("yield_1000", |n, size| Box::pin(yields(n, size)), 1000),
    ("yield_100000", |n, size| Box::pin(yields(n, size)), 100000),
    ("resume_1", |n, size| Box::pin(resume(n, size)), 1),
    ("resume_10", |n, size| Box::pin(resume(n, size)), 10),
    ("resume_100", |n, size| Box::pin(resume(n, size)), 100),
    ("ping_pong", |n, size| Box::pin(ping_pong(n, size)), 2),
    ("mutex", |n, size| Box::pin(mutex(n, size)), 1),
    ("semaphore", |n, size| Box::pin(semaphore(n, size)), 1),
    ("mutex_1000_tasks", |n, size| Box::pin(contended(n, size)), 1000),
    ("queue_1", |n, size| Box::pin(queue(n, size)), 1),
    ("queue_64", |n, size| Box::pin(queue(n, size)), 64),
    ("timeout_around_ready", |n, size| Box::pin(timeout(n, size)), 1),
    ("cancel_sleeper", |n, size| Box::pin(cancel(n, size)), 1),
    ("timers_cancel", |n, size| Box::pin(timers_cancel(n, size)), 1),
    ("timers_fire", |n, size| Box::pin(timers_fire(n, size)), 1),
    ("sleepers", |n, size| Box::pin(sleepers(n, size)), 1),
    ("wake_1ms", |n, size| Box::pin(wake(n, size)), 1),
];

/// In a task of its own: what block_on itself runs is polled in a slower way.
fn measure(runtime: &tokio::runtime::Runtime, row: &Row, operations: usize) -> f64 {
    let start = cpu();
    let future = (row.1)(operations, row.2);
    let done = runtime.block_on(async { tokio::spawn(future).await.unwrap() });
    let ns = cpu() - start;
    if done != operations {
        eprintln!("{done} of {operations} operations happened");
        std::process::exit(1);
    }
    ns
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() < 5 {
        ROWS.iter().for_each(|row| println!("{} {SUBJECT}", row.0));
        println!("echo {SUBJECT}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let numbers: Vec<usize> = arguments[3..5].iter().map(|text| text.parse().unwrap()).collect();
    if arguments[2] == "echo" {
        runtime.block_on(echo(numbers[1] as u16));
    }
    let row = ROWS.iter().find(|row| row.0 == arguments[2]).expect("no such row");
    let size = row.2.max(1);
    let (warm_up, operations) = ((numbers[0] + size - 1) / size * size, (numbers[1] + size - 1) / size * size);
    let before = peak();
    if warm_up > 0 {
        measure(&runtime, row, warm_up);
    }
    let ns = measure(&runtime, row, operations) / operations as f64;
    println!("{} {ns:.3} {:.1} {operations}", row.0, (peak() - before) / operations as f64);
}

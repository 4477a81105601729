// SPDX-License-Identifier: MIT

// Goroutines on one core. Speaks the protocol of bench.h.
package main

import (
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const subject = "Go"

func cpu() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano() + used.Stime.Nano())
}

func peak() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmHWM:") {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(line)[1], 64)
			return kilobytes * 1024
		}
	}
	return 0
}

func spawn(operations, size int) int {
	sum, batch := 0, size
	if batch == 0 {
		batch = operations
	}
	for round := operations / batch; round > 0; round-- {
		var group sync.WaitGroup
		group.Add(batch)
		for i := 0; i < batch; i++ {
			go func(argument int) {
				sum += argument
				group.Done()
			}(1)
		}
		group.Wait()
	}
	return sum
}

func yields(operations, size int) int {
	done := 0
	var group sync.WaitGroup
	group.Add(size)
	for i := 0; i < size; i++ {
		go func(turns int) {
			i := 0
			for ; i < turns; i++ {
				runtime.Gosched()
			}
			done += i
			group.Done()
		}(operations / size)
	}
	group.Wait()
	return done
}

//go:noinline
func chain(depth, operations int) int {
	if depth > 1 {
		return chain(depth-1, operations)
	}
	i := 0
	for ; i < operations; i++ {
		runtime.Gosched()
	}
	return i
}

func resume(operations, size int) int { return chain(size, operations) }

func pingPong(operations, _ int) int {
	left, right, done := make(chan int), make(chan int), 0
	go func() {
		for i := 0; i < operations/2; i++ {
			right <- <-left + 1
		}
	}()
	for i := 0; i < operations/2; i++ {
		left <- done
		done = 1 + <-right
	}
	return done
}

func mutex(operations, _ int) int {
	var lock sync.Mutex
	done := 0
	for ; done < operations; done++ {
		lock.Lock()
		lock.Unlock()
	}
	return done
}

func contended(operations, size int) int {
	var lock sync.Mutex
	var group sync.WaitGroup
	done := 0
	group.Add(size)
	for i := 0; i < size; i++ {
		go func() {
			for j := 0; j < operations/size; j++ {
				lock.Lock()
				runtime.Gosched()
				done++
				lock.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
	return done
}

func queue(operations, size int) int {
	items, done := make(chan uint64, size), 0
	go func() {
		for i := 0; i < operations; i++ {
			items <- uint64(i)
		}
		close(items)
	}()
	for range items {
		done++
	}
	return done
}

func delay() time.Duration { return time.Duration(rand.Int63n(int64(time.Second))) }

func timersCancel(operations, _ int) int {
	timers, done := make([]*time.Timer, operations), 0
	for i := range timers {
		timers[i] = time.AfterFunc(10*time.Second+delay(), func() {})
	}
	for _, timer := range timers {
		if timer.Stop() {
			done++
		}
	}
	return done
}

func timersFire(operations, _ int) int {
	var group sync.WaitGroup
	done := 0
	group.Add(operations)
	for i := 0; i < operations; i++ {
		time.AfterFunc(delay(), func() {
			done++
			group.Done()
		})
	}
	group.Wait()
	return done
}

func sleepers(operations, _ int) int {
	var group sync.WaitGroup
	done := 0
	group.Add(operations)
	for i := 0; i < operations; i++ {
		go func() {
			time.Sleep(time.Second + delay())
			done++
			group.Done()
		}()
	}
	group.Wait()
	return done
}

func wake(operations, _ int) int {
	done := 0
	for ; done < operations; done++ {
		time.Sleep(time.Millisecond)
	}
	return done
}

func echo(port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			buffer := make([]byte, 16384)
			defer client.Close()
			for {
				got, err := client.Read(buffer)
				if got > 0 {
					if _, err := client.Write(buffer[:got]); err != nil {
						return
					}
				}
				if err == io.EOF || err != nil {
					return
				}
			}
		}()
	}
}

type row struct {
	name string
	run  func(operations, size int) int
	size int
}

var rows = []row{
	{"spawn_1", spawn, 1}, {"spawn_1000", spawn, 1000}, {"spawn_all", spawn, 0}, {"yield_2", yields, 2},
	{"yield_1000", yields, 1000}, {"yield_100000", yields, 100000}, {"resume_1", resume, 1}, {"resume_10", resume, 10},
	{"resume_100", resume, 100}, {"ping_pong", pingPong, 2}, {"mutex", mutex, 1}, {"mutex_1000_tasks", contended, 1000},
	{"queue_1", queue, 1}, {"queue_64", queue, 64}, {"timers_cancel", timersCancel, 1}, {"timers_fire", timersFire, 1},
	{"sleepers", sleepers, 1}, {"wake_1ms", wake, 1},
}

func measure(row row, operations int) float64 {
	start := cpu()
	done := row.run(operations, row.size)
	if done != operations {
		fmt.Fprintf(os.Stderr, "%d of %d operations happened\n", done, operations)
		os.Exit(1)
	}
	return cpu() - start
}

func number(text string, size int) int {
	value, _ := strconv.Atoi(text)
	if size < 1 {
		return value
	}
	return (value + size - 1) / size * size
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) < 5 {
		for _, row := range rows {
			fmt.Println(row.name, subject)
		}
		fmt.Println("echo", subject)
		return
	}
	if os.Args[2] == "echo" {
		echo(os.Args[4])
	}
	for _, row := range rows {
		if row.name != os.Args[2] {
			continue
		}
		warmUp, operations := number(os.Args[3], row.size), number(os.Args[4], row.size)
		before := peak()
		if warmUp > 0 {
			measure(row, warmUp)
		}
		ns := measure(row, operations)
		fmt.Printf("%s %.3f %.1f %d\n", row.name, ns/float64(operations), (peak()-before)/float64(operations), operations)
		return
	}
	os.Exit(2)
}

# SPDX-License-Identifier: MIT
"""What run.py found, as tables, results.json, results.csv, results.md, and a chart (SVG, by gnuplot) for every row."""

import csv
import json
import os
import shutil
import subprocess


def by_hand(subject):
    return subject.startswith("floor")


def rank(records, key, most_first=False):
    """Sorts; the best that is not written by hand is number 1."""
    records.sort(key=lambda record: record[key], reverse=most_first)
    place = 0
    for record in records:
        place += not by_hand(record["subject"])
        record["rank"] = None if by_hand(record["subject"]) else place
    return records


def head(results):
    about = results["about"]
    print(f"# {about['cpu']} | {about['system']} | {about['compiler']} {about['flags']} | {about['commit']}"
          f" | load {about['load']} | {about['date']}")
    if about["versions"]:
        print("# " + ", ".join(f"{name} {version}".strip() for name, version in about["versions"].items()))
    for line in results["skipped"]:
        print(f"# skipped {line}")


def table(row):
    aim = f"   (aim: at most {row['aim']:g} times the floor)" if row["aim"] else ""
    print(f"\n{row['row']}: {row['title']}{aim}")
    print(f"{'':28} {'rank':>4} {'ns/op':>10} {'min .. max':>21} {'x floor':>8}"
          + (f" {'bytes':>7}" if row["memory"] else ""))
    for record in row["subjects"]:
        spread = f"{record['min']:.2f} .. {record['max']:.2f}"
        ratio = f"{record['ratio']:.2f}" if record["ratio"] is not None else "-"
        print(f"{record['subject']:28} {record['rank'] or '':>4} {record['ns']:10.2f} {spread:>21} {ratio:>8}"
              + (f" {record['bytes']:7.0f}" if row["memory"] else ""), flush=True)


def echo_table(row):
    print(f"\n{row['row']}: {row['title']}")
    print(f"{'':28} {'rank':>4} {'req/s':>9} {'min .. max':>18} {'p50':>8} {'p99':>8} {'p99.9 us':>9}"
          f" {'CPU us/req':>10} {'x floor':>8}")
    for record in row["subjects"]:
        spread = f"{record['min']:.0f} .. {record['max']:.0f}"
        ratio = f"{record['ratio']:.2f}" if record["ratio"] is not None else "-"
        print(f"{record['subject']:28} {record['rank'] or '':>4} {record['requests']:9.0f} {spread:>18}"
              f" {record['p50']:8.0f} {record['p99']:8.0f} {record['p999']:9.0f} {record['cpu']:10.2f} {ratio:>8}",
              flush=True)


def idle_table(row):
    print(f"\n{row['row']}: {row['title']}")
    print(f"{'':28} {'rank':>4} {'bytes/connection':>17} {'CPU us/s':>9}")
    for record in row["subjects"]:
        print(f"{record['subject']:28} {record['rank'] or '':>4} {record['bytes']:17.0f} {record['cpu']:9.1f}",
              flush=True)


def place(subjects, key):
    """Ours at its best, the floor, and the peers, best first; and how many of the peers come before us."""
    ours = min((record for record in subjects if record["subject"].startswith("asyncio.h")),
               key=lambda record: record[key], default=None)
    floor = next((record for record in subjects if record["subject"] == "floor"), None)
    peers = sorted((record for record in subjects if not by_hand(record["subject"])
                    and not record["subject"].startswith("asyncio.h")), key=lambda record: record[key])
    return ours, floor, peers, sum(peer[key] < ours[key] for peer in peers) if ours else 0


def markdown_row(title, subjects, key, aim=0):
    ours, floor, peers, before = place(subjects, key)
    if ours is None or floor is None:
        return ""
    rank = f"{before + 1} of {len(peers) + 1}" if peers else ""
    few = [peer for i, peer in enumerate(peers) if i < 4 or peer["subject"].startswith("CPython")]
    others = ", ".join(f"{peer['subject']} {short(peer[key])}" for peer in few)
    ratio = f"{ours[key] / floor[key]:.2f}" if floor[key] > 0 else "-"
    return (f"| {title} | {short(ours[key])} | {short(floor[key])} | {ratio} | {format(aim, 'g') if aim else ''} |"
            f" {rank} | {others} |\n")


def markdown(results, file):
    """The least of the rounds: what disturbs a machine only ever adds."""
    head = "| {} | here | by hand | ratio | aim | place | the best peers, and CPython |\n|---|---|---|---|---|---|---|\n"
    file.write(head.format("CPU ns"))
    for row in results["rows"]:
        file.write(markdown_row(row["title"], row["subjects"], "min", row["aim"]))
    file.write("\n" + head.format("bytes"))
    for row in results["rows"]:
        if row["memory"]:
            file.write(markdown_row(row["title"], row["subjects"], "bytes"))
    for row in results["idle"]:
        file.write(markdown_row(row["title"], row["subjects"], "bytes"))
    file.write("\n" + head.format("CPU us of the server per request"))
    for row in results["echo"]:
        file.write(markdown_row(row["title"], row["subjects"], "least_cpu"))


def summary(results):
    """The rows in which a peer comes before us, and by how much."""
    lines = []
    for rows, key in ((results["rows"], "ns"), (results["echo"], "cpu"), (results["idle"], "bytes")):
        for row in rows:
            ours, _, peers, before = place(row["subjects"], key)
            if before:
                faster = ", ".join(f"{peer['subject']} {short(peer[key])}" for peer in peers[:before])
                lines.append(f"#   {row['row']}: {short(ours[key])}, behind {faster}")
    if lines:
        print("\n# Not first:\n" + "\n".join(lines))


def store(results, out):
    with open(os.path.join(out, "results.json"), "w") as file:
        json.dump(results, file, indent=1)
        file.write("\n")


def write(results, out):
    store(results, out)
    with open(os.path.join(out, "results.md"), "w") as file:
        markdown(results, file)
    fields = ["row", "subject", "rank", "ns", "min", "max", "ratio", "rounds", "bytes", "allocations", "requests",
              "p50", "p99", "p999", "cpu", "least_cpu"]
    with open(os.path.join(out, "results.csv"), "w", newline="") as file:
        lines = csv.DictWriter(file, fields, extrasaction="ignore")
        lines.writeheader()
        for row in results["rows"] + results["echo"] + results["idle"]:
            for record in row["subjects"]:
                lines.writerow({"row": row["row"], **record})
    if not shutil.which("gnuplot"):
        print("\n# no charts: needs gnuplot-nox")
        return
    for row in results["rows"]:
        chart(out, row["row"], f"{row['title']}: CPU ns", row["subjects"], "ns")
        if row["memory"]:
            chart(out, row["row"] + "_bytes", f"{row['title']}: bytes each", row["subjects"], "bytes")
    for row in results["echo"]:
        chart(out, row["row"], f"{row['title']}: CPU us of the server per request", row["subjects"], "cpu")
    for row in results["idle"]:
        chart(out, row["row"], f"{row['title']}: bytes per connection", row["subjects"], "bytes")
    print(f"\n# {os.path.relpath(out)}: results.json, .csv, .md, and a chart of each row")


def chart(out, name, title, records, key):
    """Bars, the smallest on top, on a logarithmic axis: ours in colour, the floor in grey."""
    bars = sorted((record for record in records if record[key] > 0), key=lambda record: -record[key])
    if not bars:
        return
    least, most = bars[-1][key], bars[0][key]
    script = [
        f"set terminal svg size 760,{100 + 22 * len(bars)} font 'sans-serif,12' background '#ffffff'",
        f"set output '{os.path.join(out, name)}.svg'",
        f"set title '{title}' noenhanced", "unset key", "set style fill solid 0.9", "set logscale x", "set grid xtics",
        f"set xrange [{least / 3}:{most * 4}]", f"set yrange [-0.6:{len(bars) - 0.4}]", "set lmargin 26",
        "set ytics scale 0 noenhanced",
        "set ytics (" + ", ".join(f"'{record['subject']}' {i}" for i, record in enumerate(bars)) + ")",
        "$bars << END",
        *(f"{i} {record[key]} {colour(record['subject'])} {short(record[key])}" for i, record in enumerate(bars)),
        "END",
        f"plot $bars using ({least / 3}):1:({least / 3}):2:($1-0.35):($1+0.35):3 with boxxyerror lc rgb variable, "
        "$bars using 2:1:4 with labels left offset 0.5,0 font ',11'",
    ]
    subprocess.run(["gnuplot"], input="\n".join(script), text=True, check=False)


def colour(subject):
    return 0x999999 if by_hand(subject) else 0x1f6fb4 if subject.startswith("asyncio.h") else 0xd9b26f


def short(value):
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"

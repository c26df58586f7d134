#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What paths.c has counted, as a table, held against tests/paths/budgets.

    report.py [--profile] OUT

A path is over its budget when its commonest length is more than 2 % above it,
and it must have been taken. --profile shows every path of an operation and the
functions its instructions were in.
"""
import argparse
import collections
import os
import sys

OPERATIONS = {1: 'null', 2: 'fault', 3: 'signal', 4: 'pipe', 5: 'sleep',
              6: 'yield', 7: 'fork'}
SLACK = 0.02
BUDGETS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'budgets')

Path = collections.namedtuple(
    'Path', 'operation name count common shortest total costly functions')


def read_counts(name):
    """Paths, and the instructions of each operation by layer."""
    paths, layers = [], {}
    with open(name, encoding='utf-8') as lines:
        for line in lines:
            kind, *words = line.split()
            if kind == 'path':
                phase, count, common, shortest, total, costly = map(
                    int, words[:6])
                paths.append(Path(OPERATIONS[phase], ' '.join(words[6:]),
                                  count, common, shortest, total, costly, []))
            elif kind == 'in':
                paths[-1].functions.append((int(words[0]), words[1]))
            elif kind == 'layer':
                layers[OPERATIONS[int(words[0])]] = [int(w) for w in words[1:]]
    return paths, layers


def read_budgets():
    """Lines of: operation, instructions, what it is: path."""
    with open(BUDGETS, encoding='utf-8') as lines:
        for line in lines:
            if line.strip() and not line.startswith('#'):
                head, path = line.split(':', 1)
                operation, instructions, what = head.split(None, 2)
                yield operation, int(instructions), what, path.strip()


def show_profile(paths, layers):
    for operation, (ring0, kernel, user) in layers.items():
        print(f'{operation}: {ring0} in ring 0, {kernel} in the guest kernel, '
              f'{user} in its programs')
        ours = [p for p in paths if p.operation == operation]
        for p in sorted(ours, key=lambda p: -p.total):
            if p.total * 100 < ring0:
                continue
            print(f'  {p.common:6} x {p.count:<5} costly {p.costly:2}  {p.name}')
            parts = sorted(p.functions, reverse=True)[:12]
            print('         ', ', '.join(
                f'{name} {n / p.count:.0f}' for n, name in parts))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--profile', action='store_true')
    parser.add_argument('out')
    options = parser.parse_args()
    paths, layers = read_counts(options.out)
    if options.profile:
        show_profile(paths, layers)
    failed = 0
    print(f'{"now":>6} {"budget":>6} {"costly":>6} {"taken":>6}  path')
    rows = list(read_budgets())
    for operation, budget, what, name in rows:
        now = next((p for p in paths if p.operation == operation and
                    p.name == name), None)
        if now is None:
            failed += 1
            print(f'not ok - paths: {what}: nobody came by ({name})')
            continue
        over = now.common > budget * (1 + SLACK)
        failed += over
        print(f'{now.common:6} {budget:6} {now.costly:6} {now.count:6}  {what}'
              + (', over its budget' if over else ''))
    print(f'{"not " if failed else ""}ok - paths: {len(rows) - failed} of '
          f'{len(rows)} within 2 % of their budgets')
    print(f'{0 if failed else 1} passed, {1 if failed else 0} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

"""Prints the markdown table of run.sh from the JSON that Google Benchmark writes.

usage: bench_table.py FILE...
"""
import json
import re
import statistics
import sys

NANOSECONDS = {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}
FAMILIES = ['literal start', 'wildcard start']
PATHS = {
    'same': 'one matching path',
    'hit': '64 matching paths',
    'near': '64 that differ late',
    'far': '64 that differ early',
}


def read(files):
    """Case to {'times': nanoseconds of each repetition, 'counters': {...}}, in order of files."""
    cases = {}
    for name in files:
        with open(name, encoding='utf-8') as file:
            runs = json.load(file)['benchmarks']
        # They ran in random order.
        for run in sorted(runs, key=lambda r: (r['family_index'], r['per_family_instance_index'])):
            if run.get('error_occurred'):
                sys.exit(f"bench_table: {run['name']}: {run['error_message']}")
            if run['run_type'] != 'iteration':
                continue
            case = cases.setdefault(re.sub('/(iterations|repeats):[0-9]+', '', run['run_name']),
                                    {'times': [], 'counters': {}})
            case['times'].append(run['cpu_time'] * NANOSECONDS[run['time_unit']])
            for counter in ('states', 'table_KiB', 'artifact_KiB', 'peak_MiB'):
                if counter in run:
                    most = max(case['counters'].get(counter, 0), run[counter])
                    case['counters'][counter] = most
    return cases


def spell(nanoseconds):
    for unit, size in (('s', 1e9), ('ms', 1e6), ('µs', 1e3)):
        if nanoseconds >= size:
            return f'{nanoseconds / size:.3g} {unit}' if nanoseconds < 999.5 * size else \
                f'{nanoseconds / size:.0f} {unit}'
    return f'{nanoseconds:.3g} ns'


def times(case):
    low, middle = min(case['times']), statistics.median(case['times'])
    spread = (max(case['times']) - low) / middle * 100
    return f'{spell(low)} | {spell(middle)} | {spread:.0f} %'


def counters(case):
    units = {'states': '{:,.0f} states', 'table_KiB': '{:,.0f} KiB of tables',
             'artifact_KiB': '{:,.0f} KiB artefact', 'peak_MiB': 'peak {:,.0f} MiB'}
    return ', '.join(text.format(case['counters'][key]) for key, text in units.items()
                     if case['counters'].get(key))


def compile_rows(cases):
    for name, case in cases.items():
        time = '– | – | –' if name == 'BM_Nothing' else times(case)
        yield f'{name[3:]} | {time} | {counters(case)}'


def matcher_rows(cases):
    """One row for each case of our tables, with the others' minimum beside it."""
    def key(name):
        kind, family, rules = re.match(r'BM_Tables/(\w+)/wild:(\d)/rules:(\d+)$', name).groups()
        return int(family), list(PATHS).index(kind), int(rules)

    ours = sorted((name for name in cases if name.startswith('BM_Tables/')), key=key)
    for name in ours:
        family, kind, rules = key(name)
        low = min(cases[name]['times'])
        notes = []
        for other, label in (('BM_Re2Set', 'RE2::Set'), ('BM_Linear', 'linear')):
            case = cases.get(name.replace('BM_Tables', other))
            if case:
                beside = min(case['times'])
                notes.append(f'{label} {spell(beside)} ({beside / low:.2g}×)'
                             if beside < 99.5 * low else
                             f'{label} {spell(beside)} ({beside / low:,.0f}×)')
        one = cases.get(re.sub(r'rules:\d+$', 'rules:1', name))
        if one and rules > 1:
            first = one['times']
            median = statistics.median(cases[name]['times']) / statistics.median(first)
            notes.append(f'**{low / min(first):.2f}×** of 1 rule (medians {median:.2f}×)')
        yield (f"match, {FAMILIES[family]}, {list(PATHS.values())[kind]}, {rules:,} rule{'s' if rules > 1 else ''} | "
               f"{times(cases[name])} | {'; '.join(notes)}")


def main(files):
    cases = read(files)
    matcher = {name: case for name, case in cases.items()
               if name.startswith(('BM_Tables/', 'BM_Re2Set/', 'BM_Linear/'))}
    others = {name: case for name, case in cases.items() if name not in matcher}
    print('| case | minimum | median | spread | |')
    print('|---|---:|---:|---:|---|')
    for row in [*compile_rows(others), *matcher_rows(matcher)]:
        print(f'| {row} |')


if __name__ == '__main__':
    main(sys.argv[1:])

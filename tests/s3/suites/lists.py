"""What the suites' scripts share: their options, and the lists NAME/must_pass.txt and NAME/exempt.txt.

A line of a list is a test's name; in exempt.txt a reason is behind it. "#" begins a comment line.
"""

import argparse

import scene


def read(path):
    """{name: reason}; "" if there is none."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition(" ")
            assert name not in found, f"{path}: {name} is there twice"
            found[name] = reason.strip()
    return found


def parser(description):
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--side", choices=scene.SIDES, default="keys",
                         help="the cache with signatures (default), without them, or the store alone")
    options.add_argument("--lists-too", action="store_true", help="lists of buckets and objects go through the cache, too")
    options.add_argument("--exempt", action="store_true", help="run the exempt tests, too")
    options.add_argument("--names", nargs="+", default=[], help="run these tests only, and show what they print")
    return options


def chosen(options, folder):
    """The names of the tests to run."""
    exempt = read(folder / "exempt.txt") if options.exempt else ()
    return options.names or [*read(folder / "must_pass.txt"), *exempt]


def run_each(options, folder, run):
    """run: a function of a name that returns (passed, what the test printed). Returns the process's exit code."""
    results = {}
    for name in chosen(options, folder):
        results[name], printed = run(name)
        if options.names or not results[name]:
            print(f"{name}: {'passed' if results[name] else 'failed'}\n{printed.strip()}", flush=True)
    return judge(options, folder, results)


def judge(options, folder, results):
    """Prints what is not as the lists say. results: {name: passed}. Returns the process's exit code."""
    must_pass = [name for name in read(folder / "must_pass.txt") if name in results or not options.names]
    exempt = read(folder / "exempt.txt")
    failed = [name for name in must_pass if not results.get(name, False)]
    for title, names in (("must pass", failed), ("exempt, but passed", [name for name in exempt if results.get(name)])):
        if names:
            print(f"\n{title}: {len(names)}\n  " + "\n  ".join(sorted(names)))
    print(f"\n{len(must_pass) - len(failed)} of {len(must_pass)} tests that must pass have passed; "
          f"{sum(results.values())} of {len(results)} in all")
    return 1 if failed else 0

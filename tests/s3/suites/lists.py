"""Lists of a suite's tests: NAME, and in lists of exempt tests a reason behind it. "#" begins a comment line."""

def read(path):
    """{name: reason}; "" if there is none."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition(" ")
            assert name not in found, f"{path}: {name} is there twice"
            found[name] = reason.strip()
    return found


def compare(results, must_pass, exempt):
    """Prints what is not as the lists say. results: {name: passed}. Returns whether all that must pass has passed."""
    missing = sorted(set(must_pass) - set(results))
    failed = sorted(name for name in must_pass if results.get(name) is False)
    for title, names in (("must pass, and failed", failed), ("must pass, and did not run", missing),
                         ("exempt, and passed", sorted(name for name in exempt if results.get(name))),
                         ("in no list", sorted(name for name in results if name not in must_pass and name not in exempt))):
        if names:
            print(f"\n{title}: {len(names)}")
            for name in names:
                print(f"  {name}{' (passed)' if title == 'in no list' and results[name] else ''}")
    good = sum(results.get(name, False) for name in must_pass)
    print(f"\n{good} of {len(must_pass)} tests that must pass have passed; {sum(results.values())} of {len(results)} in all")
    return not failed and not missing

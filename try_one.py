import sys, time
from pathlib import Path
from ologies.recognition import Kind
from tests.fuzz.seeds import seed_of
from tests.fuzz.changes import changed
from tests.ologies.material import wrap_here

if __name__ == "__main__":
    kind = Kind[sys.argv[1]]
    seed = seed_of(kind)
    n = int(sys.argv[2])
    m = int(sys.argv[3])
    p = Path("/tmp/one")
    for i in range(n, m):
        p.write_bytes(changed(seed.content, i))
        t = time.perf_counter()
        try:
            r = wrap_here(p, seed.case)
            r = "ok"
        except Exception as e:
            r = type(e).__name__ + ": " + str(e)[:80]
        d = time.perf_counter() - t
        if d > 0.5:
            print(i, round(d, 2), r)

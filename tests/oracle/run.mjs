// Records what CPython 3.14 does; pyodide is CPython in WebAssembly. In a scratch directory:
//     npm install pyodide@314
//     cp -r .../tests/oracle . && node oracle/run.mjs > .../tests/oracle/trace.txt
import { loadPyodide } from "pyodide";
import { readFileSync } from "node:fs";

const python = await loadPyodide({ stdout: (line) => console.log(line) });
for (const name of ["vloop.py", "det.py", "scenarios.py"])
    python.FS.writeFile(name, readFileSync(new URL(name, import.meta.url)));
python.runPython(`
import asyncio, runpy, sys
sys.path.insert(0, '.')
asyncio._set_running_loop(None)  # that of the surroundings
runpy.run_path('scenarios.py', run_name='__main__')
`);

// Runs the end-to-end tests, one file after another: each starts its own servers. Arguments name files.
//
// Environment: EXAMPLES_FOLDER, where the programs lie (default ../target/debug), EXAMPLE_AXUM_BIN, EXAMPLE_LOGIN_ONLY_BIN
// and so on for a single one; HOST_EXAMPLES, to test some of the hosts with both halves (default axum,actix,poem);
// CHROMIUM (default /usr/bin/chromium). `scripts/test e2e` builds and installs all that this needs.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const files = process.argv.slice(2)
const tests = files.length > 0 ? files : readdirSync(here).filter((name) => name.endsWith('.test.mjs'))
// No test may hang: past this the run is ended and counts as failed.
const limit = 30 * 60 * 1000

const run = spawn(
  process.execPath,
  ['--test', '--test-concurrency=1', '--test-timeout=600000', '--test-reporter=spec', ...tests],
  { cwd: here, stdio: ['ignore', 'inherit', 'inherit'] },
)
const timer = setTimeout(() => {
  console.error(`the end-to-end tests did not end within ${limit / 1000} s`)
  run.kill('SIGKILL')
}, limit)
run.on('exit', (code) => {
  clearTimeout(timer)
  process.exitCode = code ?? 1
})

// A server of this process that can be taken down and brought back at the same address: what another provider is to the
// hosts. It is reached by 127.0.0.1 and the hosts by localhost, so that to a browser the two are sites of their own.
import { createServer } from 'node:http'

import { freePort } from '../servers.mjs'

export async function listen(answer) {
  const port = await freePort()
  const requests = []
  let server
  const up = () =>
    new Promise((done, failed) => {
      if (server?.listening) return done()
      server = createServer((request, response) => {
        requests.push({ method: request.method, path: new URL(request.url, 'http://upstream').pathname })
        if (request.url === '/favicon.ico') return response.writeHead(204).end()
        answer(request, response)
      })
      server.once('error', failed)
      server.listen(port, '127.0.0.1', done)
    })
  const down = () =>
    new Promise((done) => {
      if (!server?.listening) return done()
      server.close(done)
      server.closeAllConnections()
    })
  await up()
  return { base: `http://127.0.0.1:${port}`, requests, up, down }
}

export const page = (title, body) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,"><title>${title}</title>
<main><h1>${title}</h1>${body}</main></html>`

export function showPage(response, title, body) {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(page(title, body))
}

/** The fields of a form that was posted. */
export async function readForm(request) {
  let body = ''
  for await (const chunk of request) body += chunk
  return new URLSearchParams(body)
}

/** A button for each person, named `as-<key>`, and one to refuse. */
export const chooser = (action, people, hidden = {}) => {
  const kept = Object.entries(hidden).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`)
  const buttons = Object.keys(people).map((key) => `<button id="as-${key}" name="as" value="${key}">${key}</button>`)
  return `<form method="post" action="${escape(action)}">${kept.join('')}${buttons.join('')}
<button id="refuse" name="as" value="">No</button></form>`
}

const escape = (text) => text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

// A server that speaks OAuth 2 and no OpenID Connect, in the shape of GitHub Enterprise Server: who came is asked of its
// API, and whether an address is verified of a second call. It remembers nobody: each time a person is chosen.
import { createHash, randomBytes, randomUUID } from 'node:crypto'

import { chooser, listen, readForm, showPage } from './listener.mjs'

/** With its `people`: by key their `user` and `emails` documents. */
export async function startOAuthServer({ people, callback }) {
  const [clientId, clientSecret] = [`client-${randomUUID()}`, randomBytes(20).toString('hex')]
  const [codes, tokens] = [new Map(), new Map()]
  const issued = []
  const failures = []
  let isLeaving = false

  const listener = await listen((request, response) => {
    const url = new URL(request.url, listener.base)
    const place = places[`${request.method} ${url.pathname}`]
    if (!place) return json(response, 404, { message: 'Not Found' })
    return place(request, response, url).catch((error) => {
      failures.push(error)
      response.writeHead(500).end()
    })
  })

  const json = (response, status, body) => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    response.end(JSON.stringify(body))
  }

  const refuse = (response, error, description) => {
    failures.push(new Error(`${error}: ${description}`))
    // As GitHub does, with a status that says otherwise.
    json(response, 200, { error, error_description: description })
  }

  async function authorize(request, response, url) {
    const asked = url.searchParams
    const wrong =
      (asked.get('client_id') !== clientId && 'client_id') ||
      (asked.has('redirect_uri') && asked.get('redirect_uri') !== callback && 'redirect_uri') ||
      (!asked.get('state') && 'state')
    if (wrong) {
      failures.push(new Error(`the authorization request has no good ${wrong}: ${url.search}`))
      return showPage(response, 'Refused', `<p id="error">${wrong}</p>`)
    }
    const kept = Object.fromEntries(['state', 'scope', 'code_challenge'].map((name) => [name, asked.get(name) ?? '']))
    showPage(response, 'Who are you?', chooser('/login/oauth/authorize', people, kept))
  }

  async function decide(request, response) {
    const form = await readForm(request)
    const back = new URL(callback)
    const as = form.get('as')
    if (as) {
      const code = randomBytes(10).toString('hex')
      issued.push(code)
      codes.set(code, { as, challenge: form.get('code_challenge'), scope: form.get('scope') })
      back.searchParams.set('code', code)
    } else {
      back.searchParams.set('error', 'access_denied')
      back.searchParams.set('error_description', 'The user has denied your application access.')
    }
    back.searchParams.set('state', form.get('state'))
    if (isLeaving) response.once('finish', listener.down)
    isLeaving = false
    response.writeHead(302, { location: back.href }).end()
  }

  async function redeem(request, response) {
    const form = await readForm(request)
    const [, basic] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? []
    const [id, secret] = basic
      ? Buffer.from(basic, 'base64').toString().split(':')
      : [form.get('client_id'), form.get('client_secret')]
    if (id !== clientId || secret !== clientSecret) {
      return refuse(response, 'incorrect_client_credentials', 'The client_id and/or client_secret passed are incorrect.')
    }
    const code = codes.get(form.get('code'))
    codes.delete(form.get('code'))
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
    if (!code || (code.challenge && code.challenge !== challenge)) {
      return refuse(response, 'bad_verification_code', 'The code passed is incorrect or expired.')
    }
    const token = `gho_${randomBytes(18).toString('hex')}`
    tokens.set(token, code.as)
    issued.push(token)
    if (!request.headers.accept?.includes('application/json')) {
      response.writeHead(200, { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' })
      return response.end(new URLSearchParams({ access_token: token, scope: code.scope, token_type: 'bearer' }).toString())
    }
    json(response, 200, { access_token: token, scope: code.scope.replaceAll(' ', ','), token_type: 'bearer' })
  }

  /** What the API says of whom the token is of. */
  const tell = (what) => async (request, response) => {
    const [, token] = /^(?:token|Bearer) (.+)$/i.exec(request.headers.authorization ?? '') ?? []
    const person = people[tokens.get(token)]
    if (!request.headers['user-agent']) return json(response, 403, { message: 'Request forbidden by administrative rules.' })
    if (!person) return json(response, 401, { message: 'Bad credentials' })
    json(response, 200, person[what])
  }

  const places = {
    'GET /login/oauth/authorize': authorize,
    'POST /login/oauth/authorize': decide,
    'POST /login/oauth/access_token': redeem,
    'GET /api/v3/user': tell('user'),
    'GET /api/v3/user/emails': tell('emails'),
  }

  return {
    base: listener.base,
    clientId,
    clientSecret,
    failures,
    requests: listener.requests,
    down: listener.down,
    up: listener.up,
    close: listener.down,
    /** Sends the next person back, and answers nobody after that. */
    leaveAfterAnswer: () => (isLeaving = true),
    secrets: () => [clientSecret, ...issued],
  }
}

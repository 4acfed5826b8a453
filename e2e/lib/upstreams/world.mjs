// A host at which people may sign in with four others: an OpenID provider nobody here wrote, once with answers in the
// query and once posted; a server that speaks OAuth 2 alone; and a second host of this project.
import { randomBytes } from 'node:crypto'

import { Person } from '../person.mjs'
import { freePort, startHost } from '../servers.mjs'
import { startOAuthServer } from './oauth.mjs'
import { startOpenIdProvider } from './openid.mjs'

/** What each is called in paths and ids. */
export const names = { openid: 'oidc', oauth: 'oauth', ours: 'second', posting: 'keycloak' }

/** A person with accounts there: claims for OpenID providers, and the documents of the other API. `email` may be null. */
export const known = (key, { verified = true, email = `${key}@people.example.test`, name = `${key} Example` } = {}) => ({
  email,
  name,
  claims: { ...(email && { email, email_verified: verified }), name, picture: 'https://pictures.example.test/1.png' },
  documents: {
    user: { id: numberOf(key), login: key, name, email: null, avatar_url: 'https://pictures.example.test/2.png' },
    emails: [
      { email: `old-${email}`, primary: false, verified: true },
      { email, primary: true, verified },
    ],
  },
})

const numberOf = (key) => [...key].reduce((sum, sign) => (sum * 31 + sign.charCodeAt(0)) % 1_000_000_007, 7)

const claimsOf = (people) => Object.fromEntries(Object.entries(people).map(([key, { claims }]) => [key, claims]))
const documentsOf = (people) => Object.fromEntries(Object.entries(people).map(([key, { documents }]) => [key, documents]))

/** `people` are known at the others but the second host, which has `neighbours`; `users` are known at the host itself. */
export async function startWorld(example, { people, neighbours, users, env = {} }) {
  const port = await freePort()
  const base = `http://localhost:${port}`
  const callback = (name) => `${base}/auth/callback/${name}`
  const openIdAt = (name, more) =>
    startOpenIdProvider({
      people: claimsOf(people),
      callback: callback(name),
      signedOut: `${base}/auth/signed-out`,
      backchannelLogout: `${base}/auth/backchannel-logout/${name}`,
      ...more,
    })
  const openid = await openIdAt(names.openid)
  const posting = await openIdAt(names.posting, { formPost: true, secretBy: 'client_secret_post', allInIdToken: true })
  const oauth = await startOAuthServer({ people: documentsOf(people), callback: callback(names.oauth) })
  const ours = await startNeighbour(example, neighbours, callback(names.ours), `${base}/auth/signed-out`)
  const host = await startHost({
    example,
    port,
    seed: { users },
    env: { ...environment({ openid, posting, oauth, ours }), ...env },
  })
  const everybody = [...Object.values(people), ...neighbours, ...users]
  const personal = everybody.flatMap(({ email, password }) => [email, password]).filter(Boolean)

  async function stop() {
    const there = [openid, posting, oauth]
    const secrets = [...there.flatMap((upstream) => upstream.secrets()), ours.clientSecret, ...personal]
    await Promise.all(there.map((upstream) => upstream.close()))
    await ours.stop({ secrets: neighbours.flatMap(({ email, password }) => [email, password]) })
    await host.stop({ secrets })
  }
  return { host, openid, posting, oauth, ours, stop }
}

/** A second host. Cookies know no ports, so to a browser it has to have another name. */
async function startNeighbour(example, users, callback, signedOut) {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const client = {
    client_id: 'the-other-host',
    client_secret: randomBytes(32).toString('base64url'),
    client_name: 'The other host',
    redirect_uris: [callback],
    post_logout_redirect_uris: [signedOut],
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid profile email offline_access',
  }
  const server = await startHost({ example, port, seed: { users, clients: [client] }, env: { BASE_URL: issuer } })
  return { ...server, issuer, clientId: client.client_id, clientSecret: client.client_secret }
}

const variables = (prefix, { clientId, clientSecret }, more) =>
  Object.fromEntries(
    Object.entries({ CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, ...more }).map(([name, value]) => [`${prefix}_${name}`, value]),
  )

const trusted = { TRUST_EMAIL: 'true' }

/** Their word on addresses is believed, but not that of the second host. */
const environment = ({ openid, posting, oauth, ours }) => ({
  ...variables('OIDC', openid, {
    ISSUER: openid.issuer,
    ...trusted,
    TRUST_AUTHENTICATION: 'true',
    KEEP_TOKENS: 'true',
    SIGN_OUT_THERE: 'true',
  }),
  ...variables('OAUTH', oauth, {
    AUTHORIZATION_URL: `${oauth.base}/login/oauth/authorize`,
    TOKEN_URL: `${oauth.base}/login/oauth/access_token`,
    USER_URL: `${oauth.base}/api/v3/user`,
    EMAILS_URL: `${oauth.base}/api/v3/user/emails`,
    LABEL: 'The octopus',
    ...trusted,
  }),
  ...variables('SECOND_OIDC', ours, { ISSUER: ours.issuer, LABEL: 'The other host' }),
  // That preset reads the ID token alone, and posts its secret.
  ...variables('KEYCLOAK', posting, { ISSUER: posting.issuer, ...trusted }),
})

/** The page by which an answer is posted. */
const isPosted = ({ html }) => html.includes('document.forms[0].submit()')

/** What that page posts. */
function onlyForm({ html }) {
  const [, action] = /<form method="post" action="([^"]+)">/.exec(html)
  const inputs = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"\/>/g)]
  return { action, fields: Object.fromEntries(inputs.map(([, name, value]) => [name, value])) }
}

/** A person without a script who signs in at the host with another provider, and has a browser there too. */
export class Visitor {
  constructor(world) {
    this.world = world
    this.here = new Person(world.host.issuer)
    this.places = new Map()
  }

  /** Their browser there, with the cookies of one site; `credentials` are for the second host. */
  at(base, credentials) {
    if (!this.places.has(base)) this.places.set(base, new Person(base, credentials))
    return this.places.get(base)
  }

  /** Begins, and gives the address that leads away. */
  async leave(name, query = {}) {
    const page = await this.here.visit(`/auth/login/with/${name}?${new URLSearchParams(query)}`)
    if (!page.left) throw new Error(`signing in with ${name} leads nowhere: ${page.status}\n${page.html}`)
    return page.left
  }

  /**
   * Says who they are there, if asked: the key of a person, credentials at the second host, or nothing to refuse. Gives
   * the request that leads back.
   */
  async choose(away, as) {
    const there = this.at(away.origin, as)
    if (as?.password) return { url: (await there.authorize(away)).left }
    let page = await there.visit(away)
    if (!page.left && !isPosted(page)) page = await there.submit(page, as ? `as-${as}` : 'refuse')
    if (page.left) return { url: page.left }
    const { action, fields } = onlyForm(page)
    return { url: new URL(action), method: 'POST', form: fields, origin: away.origin }
  }

  /** Comes back, in a browser that says where from. */
  arrive({ url, method, form, origin }) {
    return this.here.visit(url, { method, form, headers: { 'sec-fetch-site': 'cross-site', ...(origin && { origin }) } })
  }

  /** The whole way. */
  async signIn(name, as, query) {
    return this.arrive(await this.choose(await this.leave(name, query), as))
  }

  /** The account here as its page tells a program, or nothing for nobody. */
  async account() {
    const answer = await this.here.request('/auth/account', { headers: { accept: 'application/json' } })
    return answer.status === 200 ? JSON.parse(answer.html).context : undefined
  }

  async signOut() {
    return this.here.submit(await this.here.visit('/auth/logout'), 'submit')
  }
}

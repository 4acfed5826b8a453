// An OpenID provider that this project did not write (npm oidc-provider), with people who are chosen by a button. Its
// client has to use PKCE and a secret; UserInfo is signed; its sign-out can be begun by the client and is told to it.
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'

import { Provider } from 'oidc-provider'
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js'

import { chooser, listen, page, readForm, showPage } from './listener.mjs'

/** What a provider that means harm writes into its errors. */
export const MARKUP = '<img src=x onerror=alert(1)> was refused'

const newKey = (alg = 'RS256') => {
  const kind = alg === 'ES256' ? ['ec', { namedCurve: 'P-256' }] : ['rsa', { modulusLength: 2048 }]
  const { privateKey } = generateKeyPairSync(...kind)
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() }
}

/**
 * With its `people` (claims by subject) and a client for `callback`. `formPost` posts its answers whatever the client
 * asks for, as Apple does. `people` may be changed at any time.
 */
export async function startOpenIdProvider({
  people,
  callback,
  signedOut,
  backchannelLogout,
  formPost = false,
  secretBy = 'client_secret_basic',
  allInIdToken = false,
}) {
  const [clientId, clientSecret] = [`client-${randomUUID()}`, randomBytes(32).toString('base64url')]
  const [cookieKey, adapter] = [randomBytes(32).toString('hex'), createMemoryAdapter()]
  const issued = []
  const loggedOut = []
  const failures = []
  let keys = [newKey()]
  let provider
  let handle

  const listener = await listen((request, response) => {
    const url = new URL(request.url, listener.base)
    if (url.pathname.startsWith('/people/')) return choose(request, response).catch((error) => fail(response, error))
    if (url.pathname === '/auth' && formPost && !url.searchParams.has('response_mode')) {
      request.url += '&response_mode=form_post'
    }
    return handle(request, response)
  })

  const fail = (response, error) => {
    failures.push(error)
    response.writeHead(500).end()
  }

  async function choose(request, response) {
    if (request.method === 'GET') {
      const { prompt } = await provider.interactionDetails(request, response)
      return showPage(response, 'Who are you?', `<p id="prompt">${prompt.name}</p>${chooser(request.url, people)}`)
    }
    const form = await readForm(request)
    const accountId = form.get('as')
    const result = accountId
      ? { login: { accountId } }
      : { error: 'access_denied', error_description: MARKUP }
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
  }

  function configure() {
    provider = new Provider(listener.base, {
      adapter,
      jwks: { keys },
      cookies: { keys: [cookieKey] },
      clients: [
        {
          client_id: clientId,
          client_secret: clientSecret,
          token_endpoint_auth_method: secretBy,
          redirect_uris: [callback],
          response_types: ['code'],
          grant_types: ['authorization_code', 'refresh_token'],
          id_token_signed_response_alg: keys[0].alg,
          userinfo_signed_response_alg: keys[0].alg,
          post_logout_redirect_uris: signedOut ? [signedOut] : [],
          ...(backchannelLogout && {
            backchannel_logout_uri: backchannelLogout,
            backchannel_logout_session_required: true,
          }),
        },
      ],
      claims: {
        openid: ['sub'],
        email: ['email', 'email_verified'],
        profile: ['name', 'given_name', 'family_name', 'preferred_username', 'picture', 'locale', 'updated_at'],
        acr: null,
        auth_time: null,
        iss: null,
        sid: null,
      },
      features: {
        devInteractions: { enabled: false },
        backchannelLogout: { enabled: true },
        jwtUserinfo: { enabled: true },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: (ctx, form) => {
            const button = '<button id="sign-out" name="logout" value="yes">Yes</button>'
            ctx.body = page('Sign out?', form.replace('</form>', `${button}</form>`))
          },
          postLogoutSuccessSource: (ctx) => {
            ctx.body = page('Signed out', '<p id="gone">gone</p>')
          },
        },
      },
      conformIdTokenClaims: !allInIdToken,
      pkce: { required: () => true },
      ttl: { AccessToken: 600, IdToken: 600, Interaction: 600, Grant: 600, Session: 3600, RefreshToken: 3600 },
      interactions: { url: (_, interaction) => `/people/${interaction.uid}` },
      // Who is chosen has said yes.
      loadExistingGrant: async (ctx) => {
        const grant = new ctx.oidc.provider.Grant({ accountId: ctx.oidc.session.accountId, clientId: ctx.oidc.client.clientId })
        grant.addOIDCScope('openid email profile offline_access')
        await grant.save()
        return grant
      },
      findAccount: (_, sub) => people[sub] && { accountId: sub, claims: () => ({ sub, ...people[sub] }) },
      // Everything is on this machine, which its own guard would not call.
      fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
      renderError: (ctx, out, error) => {
        failures.push(error)
        ctx.body = page('Refused', `<p id="error">${out.error}</p>`)
      },
    })
    for (const kind of ['authorization_code', 'access_token', 'refresh_token']) {
      provider.on(`${kind}.saved`, (token) => issued.push(token.jti))
    }
    provider.on('backchannel.success', (_, client, sub) => loggedOut.push({ sub, told: true }))
    provider.on('backchannel.error', (_, error, client, sub) => loggedOut.push({ sub, told: false, error }))
    provider.on('server_error', (_, error) => failures.push(error))
    for (const place of ['grant', 'userinfo', 'authorization', 'end_session']) {
      provider.on(`${place}.error`, (_, error) => error.error === 'access_denied' || failures.push(error))
    }
    handle = provider.callback()
  }
  configure()

  return {
    issuer: listener.base,
    people,
    clientId,
    clientSecret,
    requests: listener.requests,
    down: listener.down,
    up: listener.up,
    close: listener.down,
    /** What went wrong there. */
    failures,
    /** Whom it told the client of that they left. */
    loggedOut,
    endSession: `${listener.base}/session/end`,
    /** What no log of its client may hold. */
    secrets: () => [clientSecret, ...issued],
    /** Signs with another key from now on; the old one is gone. */
    rotateKeys: (alg) => {
      keys = [newKey(alg)]
      configure()
    },
  }
}

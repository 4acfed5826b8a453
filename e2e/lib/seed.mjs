// Who and what the host knows at start-up: the content of its SEED file.

export const alice = {
  email: 'alice@example.test',
  password: 'a long enough pass phrase for Alice',
  name: 'Alice Example',
  given_name: 'Alice',
  family_name: 'Example',
  email_verified: true,
}

export const bob = {
  email: 'bob@example.test',
  password: 'a long enough pass phrase for Bob',
  name: 'Bob <b>Example</b>',
  email_verified: true,
}

/** A redirect target that nothing listens on: the scripted person stops before it. */
export const callback = 'https://rp.example.test/callback'
export const signedOut = 'https://rp.example.test/signed-out'

const everything = {
  redirect_uris: [callback],
  post_logout_redirect_uris: [signedOut],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  response_types: ['code'],
  scope: 'openid profile email offline_access',
}

export const clients = {
  basic: {
    ...everything,
    client_id: 'web-basic',
    client_secret: 'secret with spaces, quotes " and + % : signs',
    client_name: 'Web with Basic',
    token_endpoint_auth_method: 'client_secret_basic',
  },
  post: {
    ...everything,
    client_id: 'web-post',
    client_secret: 'another-secret-of-a-client-that-posts-it',
    client_name: 'Web with POST',
    token_endpoint_auth_method: 'client_secret_post',
    id_token_signed_response_alg: 'ES256',
  },
  firstParty: {
    ...everything,
    client_id: 'first-party',
    client_secret: 'the-secret-of-the-first-party-client',
    client_name: 'First party',
    first_party: true,
  },
  native: {
    client_id: 'native-app',
    client_name: 'Native app',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid profile email offline_access',
  },
}

/** A client that proves who it is with a key of its own. */
export const keyClient = (publicJwk) => ({
  ...everything,
  client_id: 'web-key',
  client_name: 'Web with a key',
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'ES256',
  jwks: { keys: [publicJwk] },
})

/** The third-party example, as it is configured by default. */
export const thirdParty = (home) => ({
  client_id: 'third-party-demo',
  client_secret: 'third-party-demo-secret-not-for-production',
  client_name: 'Third-party app',
  client_uri: home,
  redirect_uris: [`${home}callback`],
  post_logout_redirect_uris: [home],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'openid profile email offline_access',
})

/** What no log may hold. */
export const secrets = [alice, bob]
  .flatMap(({ email, password }) => [email, password])
  .concat(Object.values(clients).flatMap(({ client_secret }) => client_secret ?? []))

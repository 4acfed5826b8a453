// A person with a real Chromium, at each host with both halves: registers, signs in, lets the third-party app in, calls
// its API, signs out.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'

import { launch, portrait as takePortrait, withProfile } from './lib/browser.mjs'
import { Mailbox } from './lib/mails.mjs'
import { alice, bob, secrets, thirdParty } from './lib/seed.mjs'
import { freePort, hosts, startClient, startHost } from './lib/servers.mjs'

const carol = { email: 'carol@example.test', name: 'Carol Newcomer', password: 'nobody guesses this phrase of mine' }

for (const example of hosts) describe(`example-${example}`, () => {
  let browser
  let host
  let app
  let posted
  // The pages are the same at every host, so once is enough.
  const portrait = example === hosts[0] ? takePortrait : () => {}

  before(async () => {
    const [hostPort, appPort] = [await freePort(), await freePort()]
    const home = `http://localhost:${appPort}/`
    posted = await startFormPostClient()
    const users = [alice, bob]
    // The app starts first on purpose: it must not need the host before the first sign-in.
    app = await startClient({ port: appPort, issuer: `http://localhost:${hostPort}` })
    host = await startHost({ example, port: hostPort, seed: { users, clients: [thirdParty(home), posted.client] } })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    posted?.close()
    await app?.stop({ secrets })
    await host?.stop({ secrets: [...secrets, carol.email, carol.password] })
  })

  /** A client that only shows what was posted to it. */
  async function startFormPostClient() {
    const port = await freePort()
    const arrivals = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        arrivals.push({ method: request.method, body: new URLSearchParams(body) })
        response.setHeader('content-type', 'text/html; charset=utf-8')
        response.end('<!doctype html><link rel="icon" href="data:,"><title>client</title><p id="arrived">arrived')
      })
    })
    await new Promise((done) => server.listen(port, '127.0.0.1', done))
    const redirect = `http://localhost:${port}/callback`
    const client = {
      client_id: 'form-post',
      client_secret: 'a-secret-that-this-test-never-needs',
      client_name: 'Form post client',
      redirect_uris: [redirect],
      scope: 'openid',
    }
    const url = (issuer, more = {}) => {
      const parameters = {
        client_id: client.client_id,
        redirect_uri: redirect,
        response_type: 'code',
        response_mode: 'form_post',
        scope: 'openid',
        state: 'state-1',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
        ...more,
      }
      return `${issuer}/oauth/authorize?${new URLSearchParams(parameters)}`
    }
    return { client, url, arrivals, close: () => server.close() }
  }

  const at = (page) => new URL(page.url()).pathname
  const text = (page, selector) => page.locator(selector).innerText()

  async function fillSignIn(page, { email, password }) {
    await page.locator('#email').fill(email)
    await page.locator('#password').fill(password)
    await page.locator('#submit').click()
  }

  async function signInAtHost(page, who) {
    await page.goto(`${host.issuer}/auth/login`)
    await fillSignIn(page, who)
    await page.waitForURL((url) => !url.pathname.startsWith('/auth/login'))
  }

  /** Waits for the first of these to appear, and says which. */
  async function firstOf(page, ...selectors) {
    await page.locator(selectors.join(', ')).first().waitFor()
    for (const selector of selectors) {
      if (await page.locator(selector).count()) return selector
    }
  }

  /** From the host's sign-in page back to the app, through consent if it is asked for. */
  async function signInForApp(page, who) {
    await fillSignIn(page, who)
    if ((await firstOf(page, '#allow', '#claims')) === '#allow') await page.locator('#allow').click()
    await page.locator('#claims').waitFor()
  }

  describe('the main job', () => {
    test('register, sign in, consent, claims, API, refresh, sign out, and in again', async () => {
      await withProfile(browser, {}, async (open) => {
        const page = await open()
        await page.goto(host.issuer)
        assert.match(await text(page, '#who'), /Nobody/)
        await portrait(page, 'home-signed-out')

        await page.goto(`${host.issuer}/auth/register`)
        await portrait(page, 'register')
        await page.locator('#email').fill(carol.email)
        await page.locator('#name').fill(carol.name)
        await page.locator('#password').fill(carol.password)
        await page.locator('#submit').click()
        await page.locator('#code').waitFor()
        assert.equal(at(page), '/auth/confirm')
        const { link } = await new Mailbox(host.issuer, carol.email).next('confirmation')
        await page.goto(link)
        await page.locator('#submit').click()
        await page.locator('#notice').waitFor()
        assert.equal(at(page), '/auth/login')
        await page.goto(host.issuer)
        assert.match(await text(page, '#who'), /Nobody/, 'registration signs nobody in')

        await signInAtHost(page, carol)
        await page.goto(host.issuer)
        assert.match(await text(page, '#who'), new RegExp(carol.name))
        await portrait(page, 'home-signed-in')

        await page.goto(app.home)
        await portrait(page, 'app-signed-out')
        await page.locator('#sign-in').click()
        await page.locator('#allow').waitFor()
        await portrait(page, 'consent')
        await page.locator('#allow').click()
        await page.locator('#claims').waitFor()
        assert.equal(page.url(), app.home)
        const claims = JSON.parse(await text(page, '#claims'))
        assert.equal(claims.id_token.iss, host.issuer)
        assert.equal(claims.userinfo.email, carol.email)
        assert.equal(claims.userinfo.name, carol.name)
        assert.equal(claims.userinfo.sub, claims.id_token.sub)
        await portrait(page, 'app-signed-in')

        await page.locator('#call-api').click()
        const [status, body] = (await text(page, '#api')).split('\n')
        assert.equal(status, '200 OK')
        assert.equal(JSON.parse(body).sub, claims.id_token.sub)
        assert.equal(JSON.parse(body).client_id, 'third-party-demo')

        await page.locator('#refresh').click()
        await page.locator('#refreshes', { hasText: '1' }).waitFor()
        assert.match(await text(page, '#expiry'), /^(89\d|900) s$/)
        await page.locator('#call-api').click()
        assert.match(await text(page, '#api'), /^200 OK/)

        await page.locator('#sign-out').click()
        if ((await firstOf(page, '#logout', '#sign-in')) === '#logout') await page.locator('#logout').click()
        await page.locator('#sign-in').waitFor()
        assert.equal(page.url(), app.home)
        await page.goto(host.issuer)
        assert.match(await text(page, '#who'), /Nobody/, 'signed out at the host too')

        // Consent is remembered: the sign-in form itself leads back to the app, which no policy may block.
        await page.goto(app.home)
        await page.locator('#sign-in').click()
        await page.locator('#password').waitFor()
        assert.equal(at(page), '/auth/login')
        await portrait(page, 'login-for-the-app')
        await fillSignIn(page, carol)
        await page.locator('#claims').waitFor()
        assert.equal(page.url(), app.home)
      })
    })

    test('registering an address that is taken looks the same', async () => {
      await withProfile(browser, {}, async (open) => {
        const page = await open()
        await page.goto(`${host.issuer}/auth/register`)
        await page.locator('#email').fill(alice.email)
        await page.locator('#password').fill('some other long enough phrase')
        await page.locator('#submit').click()
        await page.locator('#code').waitFor()
        assert.equal(at(page), '/auth/confirm')
        const { link } = await new Mailbox(host.issuer, alice.email).next('already_registered')
        assert.equal(new URL(link).pathname, '/auth/forgot', 'its owner alone is told')
      })
    })

    test('a person who denies is told so by the app', async () => {
      await withProfile(browser, { expected: [/status of 403/] }, async (open) => {
        const page = await open()
        await page.goto(app.home)
        await page.locator('#sign-in').click()
        await fillSignIn(page, bob)
        await page.locator('#deny').click()
        await page.locator('#error').waitFor()
        assert.match(await text(page, '#error'), /access_denied/)
        await portrait(page, 'app-denied')
      })
    })

    test('the whole way without JavaScript, by keyboard', async () => {
      await withProfile(browser, { javaScriptEnabled: false }, async (open) => {
        const page = await open()
        await page.goto(app.home)
        await page.locator('#sign-in').press('Enter')
        await page.locator('#email:focus').waitFor()
        await page.keyboard.type(alice.email)
        await page.keyboard.press('Tab')
        await page.keyboard.type(alice.password)
        await page.keyboard.press('Enter')
        await page.locator('#allow').press('Enter')
        await page.locator('#claims').waitFor()
        assert.match(await text(page, '#claims'), /alice@example\.test/)
      })
    })
  })

  describe('several things at once', () => {
    test('two tabs sign in at the app, each finishing what it began', async () => {
      await withProfile(browser, {}, async (open) => {
        const [one, two] = [await open(), await open()]
        for (const page of [one, two]) {
          await page.goto(app.home)
          await page.locator('#sign-in').click()
          await page.locator('#email').waitFor()
        }
        for (const page of [one, two]) await signInForApp(page, alice)
      })
    })

    test('two tabs at the consent page, the first opened answered last', async () => {
      await withProfile(browser, {}, async (open) => {
        const [one, two] = [await open(), await open()]
        await signInAtHost(one, bob)
        for (const page of [one, two]) {
          await page.goto(app.home)
          await page.locator('#sign-in').click()
          await page.locator('#allow').waitFor()
        }
        for (const page of [two, one]) {
          await page.locator('#allow').click()
          await page.locator('#claims').waitFor()
        }
      })
    })
  })

  describe('the host’s own pages', () => {
    test('sign-in leads back to where it was needed', async () => {
      await withProfile(browser, {}, async (open) => {
        const page = await open()
        await page.goto(`${host.issuer}/dashboard?tab=2`)
        assert.equal(at(page), '/auth/login')
        await fillSignIn(page, alice)
        await page.waitForURL(`${host.issuer}/dashboard?tab=2`)
      })
    })

    test('threat 03: and never anywhere else', async () => {
      for (const target of ['//evil.example', '/\\evil.example', 'https://evil.example/', '/\t/evil.example', 'javascript:alert(1)']) {
        await withProfile(browser, {}, async (open) => {
          const page = await open()
          await page.goto(`${host.issuer}/auth/login?return_to=${encodeURIComponent(target)}`)
          await fillSignIn(page, alice)
          await page.waitForURL((url) => url.pathname !== '/auth/login')
          assert.equal(new URL(page.url()).origin, host.issuer, target)
        })
      }
    })

    test('a wrong password is told, and the form keeps the address', async () => {
      await withProfile(browser, { expected: [/status of 4\d\d/] }, async (open) => {
        const page = await open()
        await page.goto(`${host.issuer}/auth/login`)
        await portrait(page, 'login')
        await fillSignIn(page, { email: 'dora@example.test', password: 'not her password at all' })
        await page.locator('#error').waitFor()
        assert.equal(await page.locator('#email').inputValue(), 'dora@example.test')
        assert.equal(await page.locator('#password').inputValue(), '')
        await portrait(page, 'login-error')
      })
    })

    test('a registration that cannot be accepted says why', async () => {
      await withProfile(browser, { expected: [/status of 4\d\d/] }, async (open) => {
        const page = await open()
        await page.goto(`${host.issuer}/auth/register`)
        await page.locator('#email').fill('erin@example.test')
        await page.locator('#password').fill('passwordpassword')
        await page.locator('#submit').click()
        await page.locator('#password-error').waitFor()
        assert.equal(await page.locator('#email').inputValue(), 'erin@example.test')
        await portrait(page, 'register-error')
      })
    })

    test('account: name, password page, sessions, sign out', async () => {
      await withProfile(browser, {}, async (open) => {
        const page = await open()
        await signInAtHost(page, alice)
        await page.goto(`${host.issuer}/auth/account`)
        await portrait(page, 'account')
        await page.locator('#name').fill('Alice Renamed')
        await page.locator('#save_profile').click()
        await page.locator('#notice').waitFor()
        assert.equal(await page.locator('#name').inputValue(), 'Alice Renamed')
        if (await page.locator('#revoke_others').count()) {
          await page.locator('#revoke_others').click()
          await page.locator('#revoke_others').waitFor({ state: 'detached' })
        }
        assert.equal(await page.locator('[id^=revoke-]').count(), 1, 'one session is left')

        await page.goto(`${host.issuer}/auth/logout`)
        await portrait(page, 'logout')
        await page.goto(`${host.issuer}/auth/account`)
        await page.locator('#logout').click()
        await page.waitForURL((url) => url.pathname !== '/auth/account')
        await portrait(page, 'signed-out')
        await page.goto(`${host.issuer}/auth/account`)
        assert.equal(at(page), '/auth/login')
      })
    })

    test('an access that was given can be taken back', async () => {
      await withProfile(browser, { expected: [/status of 502/] }, async (open) => {
        const page = await open()
        await page.goto(app.home)
        await page.locator('#sign-in').click()
        await signInForApp(page, bob)
        await page.goto(`${host.issuer}/oauth/grants`)
        await portrait(page, 'grants')
        await page.locator('#revoke-third-party-demo').click()
        await page.locator('#revoke-third-party-demo').waitFor({ state: 'detached' })
        await portrait(page, 'grants-none')
        await page.goto(app.home)
        await page.locator('#refresh').click()
        await page.locator('#error').waitFor()
        assert.match(await text(page, '#error'), /invalid_grant/)
      })
    })
  })

  describe('the provider’s other pages', () => {
    test('form_post, with and without JavaScript', async () => {
      for (const javaScriptEnabled of [true, false]) {
        await withProfile(browser, { javaScriptEnabled }, async (open) => {
          const page = await open()
          await page.goto(posted.url(host.issuer))
          await fillSignIn(page, alice)
          if ((await firstOf(page, '#allow', '#continue', '#arrived')) === '#allow') await page.locator('#allow').click()
          if (!javaScriptEnabled) {
            await page.locator('#continue').waitFor()
            await portrait(page, 'form-post')
            await page.locator('#continue').click()
          }
          await page.locator('#arrived').waitFor()
          const { method, body } = posted.arrivals.at(-1)
          assert.equal(method, 'POST')
          assert.equal(body.get('state'), 'state-1')
          assert.equal(body.get('iss'), host.issuer)
          assert.ok(body.get('code'))
        })
      }
    })

    test('choosing an account, signing in again, an error, signing out of everything', async () => {
      await withProfile(browser, { expected: [/status of 400/] }, async (open) => {
        const page = await open()
        await signInAtHost(page, alice)
        await page.goto(posted.url(host.issuer, { prompt: 'select_account' }))
        await page.locator('#continue').waitFor()
        await portrait(page, 'choose-account')
        await page.locator('#continue').click()
        if ((await firstOf(page, '#allow', '#arrived')) === '#allow') await page.locator('#allow').click()
        await page.locator('#arrived').waitFor()
        await page.goto(posted.url(host.issuer, { prompt: 'login' }))
        await page.locator('#password').waitFor()
        await portrait(page, 'login-again')
        await page.locator('#password').fill(alice.password)
        await page.locator('#submit').click()
        await page.locator('#arrived').waitFor()
        assert.ok(posted.arrivals.at(-1).body.get('code'))

        await page.goto(posted.url(host.issuer, { redirect_uri: 'https://evil.example/' }))
        await page.locator('#error').waitFor()
        assert.equal(new URL(page.url()).origin, host.issuer)
        await portrait(page, 'error')

        await page.goto(`${host.issuer}/oauth/logout`)
        await page.locator('#logout').waitFor()
        await portrait(page, 'end-session')
        await page.locator('#stay').click()
        await page.locator('#stay').waitFor({ state: 'detached' })
        await page.goto(host.issuer)
        assert.match(await text(page, '#who'), /Signed in/)
        await page.goto(`${host.issuer}/oauth/logout`)
        await page.locator('#logout').click()
        await page.locator('#logout').waitFor({ state: 'detached' })
        await portrait(page, 'end-session-done')
        await page.goto(host.issuer)
        assert.match(await text(page, '#who'), /Nobody/)
      })
    })
  })
})

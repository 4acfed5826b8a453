// Hosted sign-in in a real Chromium, at each host with both halves. WorkOS's own emulator shows no page: it leads back as
// the person whom `login_hint` names, or the first one there is.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { launch, portrait as takePortrait, withProfile } from './lib/browser.mjs'
import { alice } from './lib/seed.mjs'
import { hosts } from './lib/servers.mjs'
import { begin, comesTrue, known, refresh, startHostedWorld } from './lib/upstreams/workos.mjs'

const names = ['Anna', 'Beth', 'Cora', 'Dana', 'Edda', 'Fina', 'Gina']
const people = Object.fromEntries(names.map((name) => [name.toLowerCase(), known(name)]))

/** What the browser says of pages that refuse: it is what they are for. And of JSON, which names no icon. */
const refusals = [/status of 4(00|01|03)/, /status of 404/]

for (const example of hosts) describe(`example-${example}`, () => {
  let browser
  let world
  // The pages are the same at every host, so once is enough.
  const portrait = example === hosts[0] ? takePortrait : () => {}

  before(async () => {
    world = await startHostedWorld(example, { people, users: [alice] })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await world?.stop()
  })

  const at = (page) => new URL(page.url()).pathname
  const text = (page, selector) => page.locator(selector).innerText()
  const go = (page, path, host = world.host) => page.goto(new URL(path, host.issuer).href)
  const arrive = (page, path, host = world.host) =>
    page.waitForURL((url) => url.origin === host.issuer && url.pathname === path)

  async function signInAs(page, key, { return_to = '/', host = world.host } = {}) {
    await go(page, `${begin}?${new URLSearchParams({ login_hint: people[key].email, return_to })}`, host)
    await arrive(page, return_to, host)
  }
  const who = async (page, host) => {
    await go(page, '/', host)
    return text(page, '#who')
  }

  test('by the button of the sign-in page, back to where it was needed, and in again as the same', async () => {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      await go(page, '/dashboard')
      await arrive(page, '/auth/login')
      await portrait(page, 'login-hosted')
      await page.locator('#with_workos').click()
      await arrive(page, '/dashboard')
      assert.match(await who(page), /Anna Example/)
      await go(page, '/auth/account')
      assert.match(await text(page, '.facts'), /anna@people\.example\.test/)
      await portrait(page, 'account-hosted')
      await go(page, '/auth/account/identities')
      await portrait(page, 'identities-hosted')
    })
  })

  test('from the page where people register, to the one where AuthKit does that', async () => {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      const asked = []
      page.on('request', (request) => request.url().startsWith(world.workos) && asked.push(new URL(request.url())))
      await go(page, '/auth/register')
      await portrait(page, 'register-hosted')
      await page.locator('#with_workos').click()
      await arrive(page, '/')
      assert.equal(asked[0].searchParams.get('screen_hint'), 'sign-up')
    })
  })

  test('without JavaScript, by keyboard', async () => {
    await withProfile(browser, { javaScriptEnabled: false }, async (open) => {
      const page = await open()
      await go(page, '/auth/login')
      await page.locator('#with_workos').press('Enter')
      await arrive(page, '/')
      await go(page, refresh)
      await page.locator('#submit').press('Enter')
      await arrive(page, '/')
      assert.match(await who(page), /Anna Example/)
    })
  })

  test('an organization is switched to, with another secret and back to the page', async () => {
    const engines = await world.organization('Engines')
    await world.join('beth', engines, 'admin')
    await withProfile(browser, { expected: refusals }, async (open, context) => {
      const page = await open()
      const secret = async () => {
        const cookies = await context.cookies(world.host.issuer)
        return cookies.find(({ name }) => name === 'auth_session').value
      }
      await signInAs(page, 'beth')
      assert.equal((await go(page, '/team')).status(), 403)
      await portrait(page, 'hosted-no-organization')
      await go(page, `${refresh}?return_to=/dashboard`)
      await portrait(page, 'hosted-refresh')
      const before = await secret()
      await go(page, `${refresh}?organization_id=${engines}&return_to=/team`)
      await portrait(page, 'hosted-refresh-switch')
      const told = page.waitForResponse((response) => response.url().endsWith('/team'))
      await page.locator('#submit').click()
      await arrive(page, '/team')
      assert.deepEqual(await (await told).json(), { organization: engines, role: 'admin', admin: false })
      assert.notEqual(await secret(), before)
    })
  })

  test('an organization that refuses: a clear page, and the session as it was', async () => {
    // No webhook reaches this host, so it does not hear that the person is no more.
    const host = await world.startHostWith()
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      await signInAs(page, 'cora', { host })
      await go(page, `${refresh}?organization_id=${world.staff}&return_to=/dashboard`, host)
      await world.api(`/user_management/users/${world.idOf('cora')}`, { method: 'DELETE' })
      await page.locator('#submit').click()
      await page.locator('#error').waitFor()
      await portrait(page, 'hosted-refused')
      const way = new URL(await page.locator('#sign_in').getAttribute('href'), host.issuer)
      assert.equal(way.pathname, begin)
      assert.deepEqual(Object.fromEntries(way.searchParams), { organization_id: world.staff, return_to: '/dashboard' })
      await page.locator('#home').click()
      await arrive(page, '/', host)
      assert.match(await text(page, '#who'), /Cora Example/)
    })
  })

  test('two tabs at once, the first begun ended last', async () => {
    await withProfile(browser, {}, async (open, context) => {
      const [one, two] = [await open(), await open()]
      let [begun, goOn] = []
      const hasBegun = new Promise((done) => (begun = done))
      const held = new Promise((done) => (goOn = done))
      await context.route(/with\/workos\?.*dana/, async (route) => {
        const away = await route.fetch({ maxRedirects: 0 })
        begun()
        await held
        await route.fulfill({ response: away })
      })
      const first = signInAs(one, 'dana', { return_to: '/dashboard' })
      await hasBegun
      await signInAs(two, 'edda')
      assert.match(await text(two, '#who'), /Edda Example/)
      goOn()
      await first
      assert.match(await text(one, '#who'), /Dana Example/)
    })
  })

  test('the back button and an answer that was used', async () => {
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      const answers = []
      page.on('request', (request) => request.url().includes('/auth/callback/') && answers.push(request.url()))
      await signInAs(page, 'fina')
      await page.goto(answers[0])
      await page.locator('#error').waitFor()
      await portrait(page, 'hosted-answer-used')
      assert.match(await who(page), /Fina Example/, 'the session is as it was')
    })
  })

  test('a session revoked there ends here', async () => {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      await signInAs(page, 'gina')
      const { data } = await world.api(`/user_management/users/${world.idOf('gina')}/sessions`)
      for (const { id } of data) {
        await world.api('/user_management/sessions/revoke', { method: 'POST', body: { session_id: id } })
      }
      await comesTrue('the end of the session', async () => /Nobody/.test(await who(page)))
      await go(page, '/dashboard')
      assert.equal(at(page), '/auth/login')
    })
  })

  test('signing out here leads on to signing out there, and back', async () => {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      const asked = []
      page.on('request', (request) => request.url().startsWith(world.workos) && asked.push(new URL(request.url()).pathname))
      await signInAs(page, 'fina')
      await go(page, '/auth/account')
      await page.locator('#logout').click()
      await arrive(page, '/auth/signed-out')
      await portrait(page, 'hosted-signed-out')
      assert.equal(asked.at(-1), '/user_management/sessions/logout')
      assert.match(await who(page), /Nobody/)
    })
  })

  // The last one: it is not up again after it.
  test('WorkOS is down: a clear page, and the password works', async () => {
    await withProfile(browser, { expected: [/status of 503/] }, async (open, context) => {
      const page = await open()
      await signInAs(page, 'fina')
      await go(page, refresh)
      const away = await open()
      // It goes while the answer is on its way back.
      await context.route(/with\/workos\?/, async (route) => {
        const response = await route.fetch({ maxRedirects: 0 })
        const back = await fetch(response.headers().location, { redirect: 'manual' })
        await world.down()
        await route.fulfill({ response, headers: { ...response.headers(), location: back.headers.get('location') } })
      })
      await go(away, `${begin}?login_hint=${encodeURIComponent(people.fina.email)}`)
      await away.locator('#error').waitFor()
      await portrait(away, 'hosted-down')
      await page.locator('#submit').click()
      await page.locator('#error').waitFor()
      await portrait(page, 'hosted-refresh-down')
      assert.match(await who(page), /Fina Example/, 'nobody is signed out by that')

      await go(page, '/auth/login')
      await page.locator('#email').fill(alice.email)
      await page.locator('#password').fill(alice.password)
      await page.locator('#submit').click()
      await arrive(page, '/')
      assert.match(await text(page, '#who'), /Alice Example/)
    })
  })
})

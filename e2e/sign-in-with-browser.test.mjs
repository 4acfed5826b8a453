// Signing in with others in a real Chromium, at each host with both halves. To the browser each of the others is another
// site, as it is on the web: cookies of this one do not come with what is posted from there.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { launch, portrait as takePortrait, withProfile } from './lib/browser.mjs'
import { Mailbox } from './lib/mails.mjs'
import { hosts } from './lib/servers.mjs'
import { known, names, startWorld } from './lib/upstreams/world.mjs'

const keys = ['ann', 'ben', 'cat', 'dan', 'eve', 'fin', 'gus', 'han', 'ivy', 'joe', 'ken', 'liz', 'mei']
const people = Object.fromEntries(keys.map((key) => [key, known(key)]))
const local = (name, email) => ({
  email: email ?? `${name.toLowerCase()}@neighbours.example.test`,
  password: `a phrase of ${name} that nobody guesses`,
  name: `${name} Neighbour`,
  email_verified: true,
})
const nora = local('Nora')
// Nothing but this leads to an account of hers.
people.ivy = known('ivy', { email: null })
const olga = local('Olga')
const paul = local('Paul')

/** What the browser says of pages that refuse: it is what they are for. */
const refusals = [/status of 4(00|01|03|09)/]

for (const example of hosts) describe(`example-${example}`, () => {
  let browser
  let world
  // The pages are the same at every host, so once is enough.
  const portrait = example === hosts[0] ? takePortrait : () => {}

  before(async () => {
    world = await startWorld(example, { people, neighbours: [nora, olga], users: [olga, paul] })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    await world?.stop()
  })

  const at = (page) => new URL(page.url()).pathname
  const isHere = (page) => new URL(page.url()).origin === world.host.issuer
  const text = (page, selector) => page.locator(selector).innerText()
  const go = (page, path) => page.goto(new URL(path, world.host.issuer).href)
  const arrive = (page, path) => page.waitForURL((url) => url.origin === world.host.issuer && url.pathname === path)

  async function leave(page, name) {
    await go(page, '/auth/login')
    await page.locator(`#with_${name}`).click()
    await page.locator(name === names.ours ? '#password' : '#refuse').waitFor()
    assert.ok(!isHere(page))
  }

  async function choose(page, as) {
    if (!as.password) return page.locator(`#as-${as}`).click()
    await page.locator('#email').fill(as.email)
    await page.locator('#password').fill(as.password)
    await page.locator('#submit').click()
    await page.locator('#allow').click()
  }

  async function signInWith(page, name, as) {
    await leave(page, name)
    await choose(page, as)
    await arrive(page, '/')
    assert.match(await text(page, '#who'), new RegExp((people[as] ?? as).name))
  }

  async function givePassword(page, { email, password }) {
    await page.locator('#email').fill(email)
    await page.locator('#password').fill(password)
    await page.locator('#submit').click()
  }

  async function signInHere(page, who) {
    await go(page, '/auth/login')
    await givePassword(page, who)
    await arrive(page, '/')
  }

  async function signOut(page) {
    await go(page, '/auth/account')
    await page.locator('#logout').click()
    await page.waitForURL((url) => url.pathname !== '/auth/account')
    // Who signs out there too is asked by the other provider.
    if (!isHere(page)) await page.locator('#sign-out').click()
    await page.waitForURL((url) => url.origin === world.host.issuer && url.pathname !== '/auth/account')
    await go(page, '/')
    assert.match(await text(page, '#who'), /Nobody/)
  }

  test('with each whose word is believed, as a new person, out, and in again as the same', async () => {
    for (const [name, as] of [[names.openid, 'ann'], [names.oauth, 'ben'], [names.posting, 'cat']]) {
      await withProfile(browser, {}, async (open) => {
        const page = await open()
        if (name === names.openid) {
          await go(page, '/auth/login')
          await portrait(page, 'login-with-others')
          await go(page, '/auth/register')
          await portrait(page, 'register-with-others')
        }
        await signInWith(page, name, as)
        await go(page, '/auth/account')
        assert.match(await text(page, '.facts'), new RegExp((people[as] ?? as).email))
        if (name === names.openid) await portrait(page, 'account-of-another-provider')
      })
      await withProfile(browser, {}, async (open) => {
        const page = await open()
        await signInWith(page, name, as)
        await signOut(page)
      })
    }
  })

  test('where its word is not believed a new person is asked, and confirms the address', async () => {
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      await leave(page, names.ours)
      await choose(page, nora)
      await arrive(page, '/auth/link-first')
      await portrait(page, 'link-first')
      await page.locator('#create').click()
      await arrive(page, '/auth/confirm')
      const { code } = await new Mailbox(world.host.issuer, nora.email).next('confirmation')
      await page.locator('#code').fill(code)
      await page.locator('#submit').click()
      await arrive(page, '/auth/login')
      await page.locator(`#with_${names.ours}`).click()
      await arrive(page, '/')
      assert.match(await text(page, '#who'), new RegExp(nora.name))
    })
  })

  test('without JavaScript, by keyboard', async () => {
    await withProfile(browser, { javaScriptEnabled: false }, async (open) => {
      const page = await open()
      await go(page, '/auth/login')
      await page.locator(`#with_${names.openid}`).press('Enter')
      await page.locator('#as-dan').press('Enter')
      await arrive(page, '/')
      assert.match(await text(page, '#who'), /dan Example/)
    })
  })

  test('two tabs with two providers at once, the first begun ended last', async () => {
    await withProfile(browser, {}, async (open) => {
      const [one, two] = [await open(), await open()]
      await leave(one, names.posting)
      await leave(two, names.oauth)
      await choose(two, 'eve')
      await arrive(two, '/')
      assert.match(await text(two, '#who'), /eve Example/)
      await choose(one, 'fin')
      await arrive(one, '/')
      assert.match(await text(one, '#who'), /fin Example/)
    })
  })

  test('the back button, an answer that was used, and a cookie that is lost', async () => {
    await withProfile(browser, { expected: refusals }, async (open, context) => {
      const page = await open()
      const answers = []
      page.on('request', (request) => request.url().includes('/auth/callback/') && answers.push(request.url()))
      await leave(page, names.oauth)
      await choose(page, 'gus')
      await arrive(page, '/')
      await page.goBack()
      await page.locator('#as-gus').click()
      await page.locator('#error').waitFor()
      assert.ok(isHere(page))
      await portrait(page, 'upstream-answer-used')
      await page.goto(answers[0])
      await page.locator('#error').waitFor()
      await go(page, '/')
      assert.match(await text(page, '#who'), /gus Example/, 'the session is as it was')
      await signOut(page)

      await leave(page, names.oauth)
      await context.clearCookies({ domain: 'localhost' })
      await choose(page, 'gus')
      await page.locator('#error').waitFor()
      await portrait(page, 'upstream-cookie-lost')
      await page.locator('#login').click()
      await arrive(page, '/auth/login')
      await signInWith(page, names.oauth, 'gus')
    })
  })

  test('whoever says no there is led back to the other ways in', async () => {
    for (const name of [names.openid, names.oauth, names.posting]) {
      await withProfile(browser, { expected: refusals }, async (open) => {
        const page = await open()
        await leave(page, name)
        await page.locator('#refuse').click()
        await page.locator('#error').waitFor()
        assert.ok(isHere(page))
        if (name === names.openid) await portrait(page, 'upstream-refused')
        await go(page, '/')
        assert.match(await text(page, '#who'), /Nobody/)
      })
    }
  })

  test('linked from the account, unlinked, and never the last way in', async () => {
    const mails = new Mailbox(world.host.issuer, paul.email)
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      await signInHere(page, paul)
      await go(page, '/auth/account')
      await page.locator('#identities').click()
      await portrait(page, 'identities-none')
      await page.locator(`#link_${names.oauth}`).click()
      await page.locator('#as-han').click()
      await page.locator('#notice').waitFor()
      assert.equal(at(page), '/auth/account/identities')
      await portrait(page, 'identities')
      await mails.next('provider_linked')

      await signOut(page)
      await leave(page, names.oauth)
      await choose(page, 'han')
      await arrive(page, '/')
      assert.match(await text(page, '#who'), /Paul/, 'his own account, by the other way')

      await go(page, '/auth/account/identities')
      await page.locator('[id^=unlink-]').click()
      await page.locator('#notice').waitFor()
      assert.equal(await page.locator('[id^=unlink-]').count(), 0)
      await mails.next('provider_unlinked')
    })
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      await signInWith(page, names.openid, 'ivy')
      await go(page, '/auth/account/identities')
      await portrait(page, 'identities-last')
      assert.match(await text(page, '.items'), /ivy Example/)
      assert.equal(await page.locator('[id^=unlink-]').count(), 0)
      await signOut(page)
      await signInWith(page, names.openid, 'ivy')
    })
  })

  test('who has an account with that address signs in first, then links', async () => {
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      await leave(page, names.ours)
      await choose(page, olga)
      await arrive(page, '/auth/link-first')
      await go(page, '/')
      assert.match(await text(page, '#who'), /Nobody/)
      await page.goBack()
      await page.locator('#sign_in').click()
      await givePassword(page, olga)
      await page.locator('#link').waitFor()
      await portrait(page, 'link-confirm')
      await page.locator('#link').click()
      await page.locator('#notice').waitFor()
      await signOut(page)
      await go(page, '/auth/login')
      await page.locator(`#with_${names.ours}`).click()
      await arrive(page, '/')
      assert.match(await text(page, '#who'), /Olga/)
    })
  })

  test('proving it again there, where its word on that is believed, makes the session another one', async () => {
    await withProfile(browser, {}, async (open, context) => {
      const page = await open()
      const session = async () => {
        const cookies = await context.cookies(world.host.issuer)
        return cookies.find(({ name }) => name === 'auth_session').value
      }
      await signInWith(page, names.openid, 'mei')
      const before = await session()
      await go(page, '/auth/step-up?return_to=%2Fauth%2Faccount')
      await portrait(page, 'step-up-with-another')
      assert.equal(await page.locator(`#with_${names.oauth}`).count(), 0, 'by what she has linked alone')
      await page.locator(`#with_${names.openid}`).click()
      // She is signed in there, and is asked nevertheless.
      await page.locator('#as-mei').click()
      await arrive(page, '/auth/account')
      assert.notEqual(await session(), before)
    })
  })

  test('signing out here leads on to signing out there, and back', async () => {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      await signInWith(page, names.openid, 'joe')
      await go(page, '/auth/account')
      await page.locator('#logout').click()
      await page.locator('#sign-out').click()
      await arrive(page, '/auth/signed-out')
      // Nobody is signed in there either.
      await leave(page, names.openid)
    })
  })

  test('signing out there ends what it began here', async () => {
    await withProfile(browser, {}, async (open) => {
      const [page, there] = [await open(), await open()]
      await signInWith(page, names.openid, 'ken')
      await there.goto(world.openid.endSession)
      await there.locator('#sign-out').click()
      await there.locator('#gone').waitFor()
      await go(page, '/dashboard')
      assert.equal(at(page), '/auth/login')
    })
  })

  test('a provider that is down: a clear page, and the password works', async () => {
    await withProfile(browser, { expected: [/status of 503/] }, async (open) => {
      const page = await open()
      await leave(page, names.oauth)
      world.oauth.leaveAfterAnswer()
      try {
        await choose(page, 'liz')
        await page.locator('#error').waitFor()
        await portrait(page, 'upstream-down')
        await signInHere(page, paul)
        assert.match(await text(page, '#who'), /Paul/)
      } finally {
        await world.oauth.up()
      }
    })
  })
})

// Signing in with others, at each host with both halves: an OpenID provider nobody here wrote, a server that speaks OAuth
// 2 alone, a second host of this project. A person without a script; sign-in-with-browser.test.mjs has Chromium.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { Mailbox } from './lib/mails.mjs'
import { Person, hasId } from './lib/person.mjs'
import { hosts } from './lib/servers.mjs'
import { AuthenticatorApp } from './lib/totp.mjs'
import { MARKUP } from './lib/upstreams/openid.mjs'
import { Visitor, known, names, startWorld } from './lib/upstreams/world.mjs'

const keys = ['ada', 'bea', 'cleo', 'dora', 'eva', 'fay', 'gwen', 'hal', 'ida', 'jan', 'kim', 'lea', 'lou', 'max', 'mia', 'pia']
const people = Object.fromEntries(keys.map((key) => [key, known(key)]))
people.vera = known('vera', { verified: false })
const neighbour = (name) => ({
  email: `${name.toLowerCase()}@neighbours.example.test`,
  password: `a phrase of ${name} that nobody guesses`,
  name: `${name} Neighbour`,
  email_verified: true,
})
const nora = neighbour('Nora')
const olga = { ...neighbour('Olga'), email: 'olga@people.example.test' }
people.olga = known('olga', { email: olga.email })
people.mallory = known('mallory', { email: olga.email, verified: false })

for (const example of hosts) describe(`example-${example}`, () => {
  let world
  before(async () => {
    world = await startWorld(example, { people, neighbours: [nora], users: [olga] })
  })
  after(() => world?.stop())

  const visitor = () => new Visitor(world)
  const here = (path) => new URL(path, world.host.issuer)

  async function nobody(who, page, status = 400) {
    assert.equal(page.status, status, page.html)
    assert.ok(!page.left, String(page.left))
    assert.ok(hasId(page.html, 'error'), page.html)
    assert.equal(await who.account(), undefined)
  }

  test('the sign-in page shows who can be asked, and nobody else can be', async () => {
    const person = new Person(world.host.issuer)
    for (const path of ['/auth/login', '/auth/register']) {
      const page = await person.visit(path)
      for (const name of Object.values(names)) assert.ok(hasId(page.html, `with_${name}`), `${path} has no ${name}`)
    }
    for (const path of ['/auth/login/with/google', '/auth/callback/google', '/auth/login/with/', '/auth/callback/']) {
      assert.equal((await person.request(path)).status, 404, path)
    }
  })

  const ways = [
    [names.openid, 'ada', people.ada],
    [names.oauth, 'bea', people.bea],
    [names.posting, 'cleo', people.cleo],
  ]
  for (const [name, as, { email, name: called }] of ways) {
    test(`a new person signs in with ${name}, and is the same one the next time`, async () => {
      const first = visitor()
      const page = await first.signIn(name, as, { return_to: '/dashboard?tab=2' })
      assert.equal(page.status, 200, page.html)
      assert.equal(page.url.href, here('/dashboard?tab=2').href)
      const { user } = await first.account()
      assert.equal(user.name, called)
      assert.equal(user.email, email)

      const second = visitor()
      await second.signIn(name, as)
      assert.equal((await second.account()).user.id, user.id)
      await second.signOut()
      assert.equal(await second.account(), undefined)
      assert.equal((await first.account()).user.id, user.id, 'a session ends alone')
    })
  }

  test('where its word on addresses is not believed, a new person is asked, and confirms the address', async () => {
    for (const [name, as, { email, name: called }] of [[names.ours, nora, nora], [names.openid, 'vera', people.vera]]) {
      const who = visitor()
      const ask = await who.signIn(name, as)
      assert.equal(ask.url.pathname, '/auth/link-first')
      assert.equal(await who.account(), undefined)
      const confirm = await who.here.submit(ask, 'create')
      assert.equal(confirm.url.pathname, '/auth/confirm')
      assert.equal(await who.account(), undefined)
      const { code } = await new Mailbox(world.host.issuer, email).next('confirmation')
      assert.equal((await who.here.submit(confirm, 'submit', { code })).url.pathname, '/auth/login')

      const again = visitor()
      await again.signIn(name, as)
      const { user } = await again.account()
      assert.deepEqual([user.email, user.email_verified, user.name], [email, true, called])
    }
  })

  test('a verified address of both sides leads to one account, an unverified one to nobody’s', async () => {
    const [byPassword, byProvider, byAnother] = [visitor(), visitor(), visitor()]
    const { email, password } = olga
    await byPassword.here.submit(await byPassword.here.visit('/auth/login'), 'submit', { email, password })
    await byProvider.signIn(names.openid, 'olga')
    await byAnother.signIn(names.oauth, 'olga')
    const ids = await Promise.all([byPassword, byProvider, byAnother].map(async (who) => (await who.account()).user.id))
    assert.equal(new Set(ids).size, 1, String(ids))

    const mallory = visitor()
    const page = await mallory.signIn(names.openid, 'mallory')
    assert.equal(page.url.pathname, '/auth/link-first')
    // What comes of the button is the same as for an address that nobody has; its owner alone hears of it.
    const asked = await mallory.here.submit(page, 'create')
    assert.equal(asked.url.pathname, '/auth/confirm')
    assert.equal(await mallory.account(), undefined)
    const { link } = await new Mailbox(world.host.issuer, olga.email).next('already_registered')
    assert.ok(link)
  })

  test('an address that changes there changes nothing here', async () => {
    const [before, after] = [visitor(), visitor()]
    await before.signIn(names.posting, 'pia')
    const { user } = await before.account()
    world.posting.people.pia = known('pia', { email: olga.email }).claims
    await after.signIn(names.posting, 'pia')
    assert.deepEqual((await after.account()).user, user)
  })

  test('threat 03: it leads back to where it was needed, and never anywhere else', async () => {
    for (const target of ['//evil.example', '/\\evil.example', 'https://evil.example/', '/\t/evil.example', 'javascript:alert(1)', '/%09/evil.example']) {
      const page = await visitor().signIn(names.openid, 'dora', { return_to: target })
      assert.ok(!page.left, `${target} led to ${page.left}`)
      assert.equal(page.url.origin, world.host.issuer)
    }
  })

  test('beginning changes nothing', async () => {
    const who = visitor()
    for (const method of ['GET', 'HEAD']) {
      const { status } = await who.here.request(`/auth/login/with/${names.openid}`, { method })
      assert.ok(status < 400 || status === 405, `${method}: ${status}`)
    }
    assert.equal(await who.account(), undefined)
  })

  test('threat 36: an answer to another browser is refused, and so is one without its cookie', async () => {
    const [mallory, victim] = [visitor(), visitor()]
    const answer = await mallory.choose(await mallory.leave(names.openid), 'eva')
    await nobody(victim, await victim.arrive(answer))
    // A victim in the middle of a sign-in of their own.
    await victim.leave(names.openid)
    await nobody(victim, await victim.arrive(answer))
    // It was not spent by that: whoever began it goes on.
    await mallory.arrive(answer)
    assert.ok(await mallory.account())
  })

  test('an answer counts once', async () => {
    const who = visitor()
    const answer = await who.choose(await who.leave(names.openid), 'fay')
    await who.arrive(answer)
    assert.ok(await who.account())
    await who.signOut()
    await nobody(who, await who.arrive(answer))
  })

  test('an answer counts once, by however many it is brought at a time', async () => {
    const who = visitor()
    const { url } = await who.choose(await who.leave(names.oauth), 'lou')
    const answers = await Promise.all(Array.from({ length: 16 }, () => who.here.request(url)))
    const taken = answers.filter(({ status, headers }) => status < 400 && headers['set-cookie']?.some((line) => /session=[^;]/.test(line)))
    assert.equal(taken.length, 1, JSON.stringify(answers.map(({ status }) => status)))
  })

  test('threat 37: the answer of one provider is none of another', async () => {
    const who = visitor()
    const { form } = await who.choose(await who.leave(names.posting), 'gwen')
    const arriveAtAnother = (more) =>
      who.arrive({ url: here(`/auth/callback/${names.openid}?${new URLSearchParams({ ...form, ...more })}`) })
    await nobody(who, await arriveAtAnother({}))
    // The state of one, the code and the name of another.
    const state = (await who.leave(names.openid)).searchParams.get('state')
    await nobody(who, await arriveAtAnother({ state }))
  })

  test('two at once, the first begun ended last', async () => {
    const who = visitor()
    const one = await who.leave(names.openid, { return_to: '/dashboard?one' })
    const two = await who.leave(names.oauth, { return_to: '/dashboard?two' })
    const second = await who.arrive(await who.choose(two, 'hal'))
    assert.equal(second.url.search, '?two')
    await who.signOut()
    const first = await who.arrive(await who.choose(one, 'ida'))
    assert.equal(first.url.search, '?one')
    assert.equal((await who.account()).user.email, people.ida.email)
  })

  test('a refusal is told in words of our own', async () => {
    for (const name of [names.openid, names.oauth, names.posting]) {
      const who = visitor()
      const page = await who.signIn(name, undefined)
      assert.ok(hasId(page.html, 'error'), `${name}: ${page.html}`)
      assert.ok(page.status < 500, `${name}: ${page.status}`)
      assert.equal(await who.account(), undefined)
      for (const theirs of [MARKUP, 'onerror', 'denied your application']) assert.ok(!page.html.includes(theirs), page.html)
    }
    const who = visitor()
    const state = (await who.leave(names.openid)).searchParams.get('state')
    const rude = new URLSearchParams({ state, error: '<script>alert(1)</script>', error_uri: 'javascript:alert(1)' })
    const page = await who.arrive({ url: here(`/auth/callback/${names.openid}?${rude}`) })
    assert.ok(page.status >= 400 && page.status < 500, page.html)
    assert.ok(!page.html.includes('alert(1)'), page.html)
  })

  test('rubbish at the callback is refused', async () => {
    for (const name of [names.openid, names.oauth]) {
      for (const query of ['', 'code=x', 'state=x', 'code=x&state=y', `code=${'x'.repeat(5000)}&state=y`, 'code=x&code=y&state=z', 'response=x', 'code=%FF&state=%00']) {
        const who = visitor()
        const page = await who.here.visit(`/auth/callback/${name}?${query}`)
        assert.ok(page.status >= 400 && page.status < 500, `${name}?${query.slice(0, 40)}: ${page.status}`)
        const posted = await who.here.visit(`/auth/callback/${name}`, { method: 'POST', form: query })
        assert.ok(posted.status >= 400 && posted.status < 500, `${name} ${query.slice(0, 40)}: ${posted.status}`)
        assert.equal(await who.account(), undefined)
      }
    }
  })

  test('a second factor is asked for after another provider’s first', async () => {
    const who = visitor()
    await who.signIn(names.openid, 'jan')
    const begin = await who.here.visit('/auth/account/two-factor')
    const enrol = await who.here.submit(begin, 'begin')
    const app = new AuthenticatorApp(/id="secret"[^>]*>([^<]+)</.exec(enrol.html)[1])
    assert.ok(hasId((await who.here.submit(enrol, 'submit', { code: await app.next() })).html, 'codes'))

    const again = visitor()
    const asked = await again.signIn(names.openid, 'jan', { return_to: '/dashboard' })
    assert.equal(asked.url.pathname, '/auth/second-factor')
    assert.equal(await again.account(), undefined, 'a sign-in that is half done opens nothing')
    const page = await again.here.submit(asked, 'submit', { code: await app.next() })
    assert.equal(page.url.pathname, '/dashboard')
    assert.equal((await again.account()).user.email, people.jan.email)
  })

  test('its keys may change in the middle', async () => {
    const who = visitor()
    const answer = await who.choose(await who.leave(names.openid), 'kim')
    // Keys that were fetched less than two seconds ago are not fetched again for one that they lack.
    await new Promise((wake) => setTimeout(wake, 2_100))
    world.openid.rotateKeys()
    await who.arrive(answer)
    assert.ok(await who.account())
  })

  test('leaving there ends what began there, and a made-up word of it does not', async () => {
    const [who, other] = [visitor(), visitor()]
    await who.signIn(names.openid, 'lea')
    await other.signIn(names.openid, 'mia')
    const rubbish = ['', 'logout_token=', 'logout_token=a.b.c', `logout_token=${'x'.repeat(20_000)}`, 'a=b']
    for (const body of rubbish) {
      const answer = await fetch(here(`/auth/backchannel-logout/${names.openid}`), {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body,
      })
      assert.equal(answer.status, 400, body.slice(0, 40))
      assert.match(answer.headers.get('cache-control') ?? '', /no-store/)
    }
    assert.ok(await who.account())

    const there = who.at(world.openid.issuer)
    await there.submit(await there.visit(world.openid.endSession), 'sign-out')
    assert.deepEqual(world.openid.loggedOut.filter(({ sub }) => sub === 'lea'), [{ sub: 'lea', told: true }])
    assert.equal(await who.account(), undefined, 'her session ended')
    assert.ok(await other.account(), 'another’s did not')
  })

  test('a provider that is down is told so, and the other ways in work', async () => {
    const who = visitor()
    const answer = await who.choose(await who.leave(names.oauth), 'max')
    await world.oauth.down()
    try {
      await nobody(who, await who.arrive(answer), 503)
      const login = await who.here.visit('/auth/login')
      assert.equal(login.status, 200)
      const page = await who.here.submit(login, 'submit', { email: olga.email, password: olga.password })
      assert.equal(page.status, 200)
      assert.equal((await who.account()).user.email, olga.email)
    } finally {
      await world.oauth.up()
    }
    const again = visitor()
    await again.signIn(names.oauth, 'max')
    assert.ok(await again.account(), 'it is up again')
  })

  test('nothing went wrong at the others', () => {
    assert.deepEqual(world.openid.failures, [])
    assert.deepEqual(world.posting.failures, [])
  })
})

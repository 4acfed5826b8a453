// Hosted sign-in against WorkOS's own emulator, at each host with both halves. A person without a script;
// hosted-browser.test.mjs has Chromium.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, test } from 'node:test'

import { hasId } from './lib/person.mjs'
import { alice } from './lib/seed.mjs'
import { command, hosts } from './lib/servers.mjs'
import { HostedVisitor, callback, comesTrue, known, refresh, startHostedWorld } from './lib/upstreams/workos.mjs'

const names = ['Grace', 'Hana', 'Iris', 'Jill', 'Kate', 'Lena', 'Maya', 'Nell', 'Olga', 'Page', 'Rita', 'Sara']
const people = Object.fromEntries(names.map((name) => [name.toLowerCase(), known(name)]))
people.una = known('Una', { email_verified: false })
people.alice = known('Alice', { email: alice.email })

for (const example of hosts) describe(`example-${example}`, () => {
  let world
  before(async () => {
    world = await startHostedWorld(example, { people, users: [alice] })
  })
  after(() => world?.stop())

  const visitor = (host) => new HostedVisitor(world, host)
  const revoke = (session_id) =>
    world.api('/user_management/sessions/revoke', { method: 'POST', body: { session_id } })
  const sessionsOf = async (key) => (await world.api(`/user_management/users/${world.idOf(key)}/sessions`)).data

  test('somebody new signs in there and has an account here, and the same one the next time', async () => {
    const first = visitor()
    const login = await first.visit('/auth/login')
    assert.ok(hasId(login.html, 'with_workos'), login.html)
    const page = await first.signIn('grace', { return_to: '/dashboard?tab=2' })
    assert.equal(page.status, 200, page.html)
    assert.equal(page.url.pathname + page.url.search, '/dashboard?tab=2')
    const { user } = await first.account()
    assert.deepEqual([user.email, user.email_verified, user.name], [people.grace.email, true, 'Grace Example'])
    const second = visitor()
    await second.signIn('grace')
    assert.equal((await second.account()).user.id, user.id)
  })

  test('the request is what AuthKit wants, and who registers is shown its page for that', async () => {
    const away = await visitor().leave('grace', { screen_hint: 'sign-up', organization_id: world.staff })
    const given = Object.fromEntries(away.searchParams)
    assert.equal(away.pathname, '/user_management/authorize')
    assert.equal(given.redirect_uri, `${world.host.issuer}${callback}`)
    assert.deepEqual([given.provider, given.response_type, given.code_challenge_method], ['authkit', 'code', 'S256'])
    assert.deepEqual([given.screen_hint, given.organization_id], ['sign-up', world.staff])
    assert.match(given.code_challenge, /^[\w-]{43}$/)
    const page = await visitor().visit('/auth/register')
    assert.match(page.html, /id="with_workos" href="[^"]*screen_hint=sign-up/)
  })

  test('threat 36: an answer is its own browser’s, and counts once', async () => {
    const [mallory, victim] = [visitor(), visitor()]
    const back = await mallory.choose(await mallory.leave('hana'))
    await victim.leave('hana')
    assert.equal((await victim.arrive(back)).status, 400)
    assert.equal(await victim.account(), undefined)
    await mallory.arrive(back)
    assert.ok(await mallory.account())
    assert.equal((await mallory.arrive(back)).status, 400)
  })

  test('threat 03: it leads back to where it was needed, and never anywhere else', async () => {
    for (const return_to of ['//evil.example', '/\\evil.example', 'https://evil.example/', 'javascript:alert(1)']) {
      const who = visitor()
      const page = await who.signIn('iris', { return_to })
      assert.ok(!page.left, `${return_to} led to ${page.left}`)
      const asks = await who.visit(`${refresh}?${new URLSearchParams({ return_to })}`)
      const there = await who.submit(asks, 'submit')
      assert.ok(!there.left, `${return_to} led to ${there.left}`)
      assert.equal(there.url.pathname, '/')
    }
  })

  test('a refusal there, and rubbish, are told in words of our own', async () => {
    const who = visitor()
    const page = await who.visit(`/auth/login/with/workos?login_hint=nobody@people.example.test`)
    const answer = await fetch(page.left, { redirect: 'manual' })
    const back = new URL(answer.headers.get('location'))
    assert.equal(back.searchParams.get('error'), 'user_not_found')
    const refused = await who.arrive(back.pathname + back.search)
    assert.equal(refused.status, 400)
    assert.ok(hasId(refused.html, 'error'), refused.html)
    assert.ok(!refused.html.includes('user_not_found'))
    for (const query of ['', 'code=x', 'state=x', 'code=x&state=y', `code=${'x'.repeat(5000)}&state=y`, 'code=%FF&state=%00']) {
      const { status } = await visitor().visit(`${callback}?${query}`)
      assert.ok(status >= 400 && status < 500, `${query.slice(0, 40)}: ${status}`)
    }
  })

  test('organizations: acting for one, for another, with the role one has there', async () => {
    const [engines, looms] = [await world.organization('Engines'), await world.organization('Looms')]
    await world.join('jill', engines, 'admin')
    await world.join('jill', looms)
    const who = visitor()
    await who.signIn('jill')
    assert.equal(await who.team(), 403, 'she acts for none')
    const page = await who.switchTo(engines)
    assert.equal(page.url.pathname, '/dashboard')
    assert.deepEqual(await who.team(), { organization: engines, role: 'admin', admin: false })
    await who.switchTo(looms, '/')
    assert.deepEqual(await who.team(), { organization: looms, role: 'member', admin: false })
    assert.equal(await visitor().team(), 303, 'nobody is led to sign in')
  })

  test('who administers the product does so for the operator’s organization alone', async () => {
    const theirs = await world.organization('Theirs')
    await world.join('kate', theirs, 'admin')
    await world.join('kate', world.staff, 'admin')
    const who = visitor()
    await who.signIn('kate')
    assert.equal(await who.team('/staff'), 403)
    await who.switchTo(theirs)
    assert.equal(await who.team('/staff'), 403, 'an admin of her own organization')
    await who.switchTo(world.staff)
    assert.deepEqual(await who.team('/staff'), { organization: world.staff, role: 'admin', admin: true })
  })

  test('a role that changes there counts here at once, and so does its end', async () => {
    const team = await world.organization('Team')
    const membership = await world.join('lena', team, 'admin')
    const who = visitor()
    await who.signIn('lena')
    await who.switchTo(team)
    assert.equal((await who.team()).role, 'admin')
    const path = `/user_management/organization_memberships/${membership.id}`
    await world.api(path, { method: 'PUT', body: { role_slug: 'member' } })
    await comesTrue('the role', async () => (await who.team()).role === 'member')
    assert.ok(await who.account())
  })

  test('threat 55: looking the sign-in up again is asked first, and changes the secret', async () => {
    const who = visitor()
    await who.signIn('maya')
    const before = await sessionsOf('maya')
    const asks = await who.visit(`${refresh}?return_to=/dashboard`)
    assert.equal(asks.status, 200)
    assert.deepEqual(await sessionsOf('maya'), before)
    const forged = await who.request(refresh, { method: 'POST', form: { form_token: 'made up' } })
    assert.equal(forged.status, 403)
    assert.deepEqual(await sessionsOf('maya'), before)
    const answer = await who.submit(asks, 'submit')
    assert.equal(answer.url.pathname, '/dashboard')
    assert.equal((await sessionsOf('maya')).length, before.length + 1, 'the emulator begins a session for each token')
    assert.ok(await who.account())
  })

  test('a program refreshes, too', async () => {
    const who = visitor()
    await who.signIn('maya')
    const json = { accept: 'application/json' }
    const { context } = JSON.parse((await who.request(refresh, { headers: json })).html)
    const form = { form_token: context.form_token, organization_id: world.staff }
    const answer = await who.request(refresh, { method: 'POST', form, headers: json })
    assert.equal(answer.status, 200, answer.html)
    assert.deepEqual(JSON.parse(answer.html), { next: '/', organization: world.staff, role: null })
  })

  test('a session revoked there ends here, and no other', async () => {
    const [one, other] = [visitor(), visitor()]
    await one.signIn('nell')
    const [{ id }] = await sessionsOf('nell')
    await other.signIn('nell')
    await revoke(id)
    await comesTrue('the end of the session', async () => !(await one.account()))
    assert.ok(await other.account())
  })

  test('a session that was refreshed is known by the id it has since', async () => {
    const who = visitor()
    await who.signIn('olga')
    const begun = (await sessionsOf('olga')).map(({ id }) => id)
    await who.submit(await who.visit(refresh), 'submit')
    const since = (await sessionsOf('olga')).find(({ id }) => !begun.includes(id))
    await revoke(since.id)
    await comesTrue('the end of the session', async () => !(await who.account()))
  })

  test('a delivery that nobody signed changes nothing', async () => {
    const who = visitor()
    await who.signIn('page')
    const body = JSON.stringify({ id: 'event_1', event: 'user.deleted', data: { id: world.idOf('page') } })
    const at = String(Math.floor(Date.now() / 1000))
    const sign = (secret, time) => createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')
    const old = String(Number(at) - 600)
    for (const signature of [undefined, 'rubbish', `t=${at},v1=${sign('another secret', at)}`, `t=${old},v1=${sign(world.webhookSecret, old)}`]) {
      const answer = await fetch(`${world.host.issuer}/auth/hosted/webhook`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(signature && { 'workos-signature': signature }) },
        body,
      })
      assert.equal(answer.status, 401, signature)
    }
    assert.ok(await who.account())
  })

  test('signing out ends the session there too', async () => {
    const who = visitor()
    await who.signIn('rita')
    const [{ id }] = await sessionsOf('rita')
    const page = await who.visit('/auth/logout')
    const { left: there } = await who.submit(page, 'submit')
    assert.equal(there.origin + there.pathname, `${world.workos}/user_management/sessions/logout`)
    assert.equal(there.searchParams.get('session_id'), id)
    assert.equal(await who.account(), undefined)
    const back = await fetch(there, { redirect: 'manual' })
    assert.equal(back.headers.get('location'), `${world.host.issuer}/auth/signed-out`)
    assert.deepEqual(await sessionsOf('rita'), [])
    assert.equal((await who.visit(back.headers.get('location'))).status, 200)
  })

  test('a user deleted there is signed out here', async () => {
    const [one, other] = [visitor(), visitor()]
    await one.signIn('sara')
    await other.signIn('sara')
    await world.api(`/user_management/users/${world.idOf('sara')}`, { method: 'DELETE' })
    await comesTrue('the end of both', async () => !(await one.account()) && !(await other.account()))
  })

  test('its word on addresses leads to an account here, unless the operator says no', async () => {
    const trusting = visitor()
    await trusting.signIn('alice')
    assert.equal((await trusting.account()).user.email, alice.email)
    const unverified = await visitor().signIn('una')
    assert.equal(unverified.url.pathname, '/auth/link-first', 'an address that it has not verified')

    const host = await world.startHostWith({ WORKOS_TRUST_EMAIL: 'false' })
    const who = visitor(host)
    const page = await who.signIn('alice')
    assert.equal(page.url.pathname, '/auth/link-first')
    assert.equal(await who.account(), undefined)
  })

  // The command is the axum host's.
  if (example === 'axum') test('users, organizations and invitations are managed by the official client', async () => {
    const guild = await world.organization('Guild')
    const invite = (email, organization) => command(example, ['invite', email, organization], world.variables)
    assert.match(await invite('zoe@people.example.test', guild), /^inv\w+: somebody new was invited to Guild$/m)
    assert.match(await invite(people.page.email, guild), /^inv\w+: a user was invited to Guild$/m)
    const { data } = await world.api(`/user_management/invitations?organization_id=${guild}`)
    const invited = data.map(({ email, state }) => `${email} ${state}`).sort()
    assert.deepEqual(invited, [`${people.page.email} pending`, 'zoe@people.example.test pending'])
    await assert.rejects(invite('zoe@people.example.test', 'org_none'), /404/)
  })

  test('whoever has no organization gets one, and once', async () => {
    const host = await world.startHostWith({ WORKOS_CREATE_ORGANIZATION: 'true' })
    const mine = async () => {
      const { data } = await world.api(`/organizations?name=${encodeURIComponent(`Team of ${people.page.email}`)}`)
      return data.map(({ id }) => id)
    }
    const first = visitor(host)
    await first.signIn('page')
    const [id, ...more] = await mine()
    assert.deepEqual(more, [])
    assert.deepEqual(await first.team(), { organization: id, role: 'member', admin: false })
    await visitor(host).signIn('page')
    assert.deepEqual(await mine(), [id])
  })
})

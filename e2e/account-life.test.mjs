// A whole life of an account with a real Chromium, at each host with both halves: confirmed by mail, protected by an
// app and a passkey, used on several devices, taken along and deleted.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'

import { addAuthenticator, launch, portrait as takePortrait, withProfile } from './lib/browser.mjs'
import { Mailbox } from './lib/mails.mjs'
import { Person } from './lib/person.mjs'
import { freePort, hosts, startHost } from './lib/servers.mjs'
import { AuthenticatorApp } from './lib/totp.mjs'

const person = (name) => ({
  email: `${name.toLowerCase()}@example.test`,
  name: `${name} Example`,
  password: `nobody guesses this phrase of ${name}`,
})
const [ada, bea, cleo, dora, elsa] = ['Ada', 'Bea', 'Cleo', 'Dora', 'Elsa'].map(person)
const [cleo2, dora2] = ['cleo.new@example.test', 'dora.new@example.test']
const newPassword = 'another phrase that nobody guesses'
const lastPassword = 'and one more phrase for the last time'

/** What the browser says of pages that refuse: it is what they are for. */
const refusals = [/status of 4(01|03|10|22|29)/]

for (const example of hosts) describe(`example-${example}`, () => {
  let browser
  let host
  // The pages are the same at every host, so once is enough.
  const portrait = example === hosts[0] ? takePortrait : () => {}

  before(async () => {
    const seeded = [cleo, dora].map((user) => ({ ...user, email_verified: true }))
    host = await startHost({ example, port: await freePort(), seed: { users: seeded } })
    browser = await launch()
  })
  after(async () => {
    await browser?.close()
    const told = [ada, bea, cleo, dora].flatMap(({ email, password }) => [email, password])
    await host?.stop({ secrets: [...told, newPassword, lastPassword, cleo2, dora2] })
  })

  const at = (page) => new URL(page.url()).pathname
  const text = (page, selector) => page.locator(selector).innerText()
  const go = (page, path) => page.goto(new URL(path, host.issuer).href)
  const arrive = (page, path) => page.waitForURL((url) => url.pathname === path)
  const mailbox = (email) => new Mailbox(host.issuer, email)

  async function register(page, who) {
    await go(page, '/auth/register')
    await page.locator('#email').fill(who.email)
    await page.locator('#name').fill(who.name)
    await page.locator('#password').fill(who.password)
    await page.locator('#submit').click()
    await arrive(page, '/auth/confirm')
  }

  async function givePassword(page, { email, password }) {
    await go(page, '/auth/login')
    await page.locator('#email').fill(email)
    await page.locator('#password').fill(password)
    await page.locator('#submit').click()
  }

  async function signIn(page, who) {
    await givePassword(page, who)
    await arrive(page, '/')
    assert.match(await text(page, '#who'), new RegExp(who.name))
  }

  async function signOut(page) {
    await go(page, '/auth/account')
    await page.locator('#logout').click()
    await page.waitForURL((url) => url.pathname !== '/auth/account')
    await go(page, '/')
    assert.match(await text(page, '#who'), /Nobody/)
  }

  async function answer(page, field, value) {
    await page.locator(field).fill(value)
    await page.locator('#submit').click()
  }

  async function refused(page, field, value) {
    await answer(page, field, value)
    await page.locator('#error').waitFor()
  }

  const cookies = async (context) => {
    const all = await context.cookies(host.issuer)
    return Object.fromEntries(all.map(({ name, value }) => [name, value]))
  }

  test('from a registration over an app, backup codes and a passkey to the sessions', async () => {
    await withProfile(browser, { expected: refusals }, async (open, context) => {
      const page = await open()
      const mails = mailbox(ada.email)

      // The link of the mail, in the browser that registered.
      await register(page, ada)
      await portrait(page, 'confirm')
      const { link } = await mails.next('confirmation')
      await page.goto(link)
      await portrait(page, 'confirm-link')
      await page.locator('#submit').click()
      await page.locator('#notice').waitFor()
      assert.equal(at(page), '/auth/login')
      await portrait(page, 'login-after-confirmation')
      await signIn(page, ada)

      // An authenticator app.
      await go(page, '/auth/account')
      await page.locator('#two_factor').click()
      await portrait(page, 'two-factor-none')
      await page.locator('#begin').click()
      await page.locator('#qr').waitFor()
      await portrait(page, 'totp-enrol')
      assert.ok(await page.locator('#qr').evaluate((image) => image.complete && image.naturalWidth > 0), 'the QR code shows')
      const app = new AuthenticatorApp(await text(page, '#secret'))
      await refused(page, '#code', '000000')
      await portrait(page, 'totp-enrol-error')
      await answer(page, '#code', await app.next())
      await page.locator('#codes').waitFor()
      await portrait(page, 'backup-codes')
      const backupCodes = await page.locator('#codes code').allInnerTexts()
      assert.ok(backupCodes.length >= 8, `${backupCodes.length} backup codes`)
      assert.equal(new Set(backupCodes).size, backupCodes.length)
      await page.locator('#continue').click()
      await page.locator('#regenerate').waitFor()
      await portrait(page, 'two-factor')
      await mails.next('mfa_on')

      // Asked for at the next sign-in; no code twice.
      await signOut(page)
      await givePassword(page, ada)
      await arrive(page, '/auth/second-factor')
      await portrait(page, 'second-factor')
      await go(page, '/dashboard')
      assert.equal(at(page), '/auth/login', 'a sign-in that is half done opens nothing')
      await go(page, '/auth/second-factor')
      await refused(page, '#code', app.again())
      await portrait(page, 'second-factor-error')
      await answer(page, '#code', await app.next())
      await arrive(page, '/')
      await signOut(page)
      await givePassword(page, ada)
      await arrive(page, '/auth/second-factor')
      await refused(page, '#code', app.again())
      await page.locator('#use_backup_code').click()
      await portrait(page, 'second-factor-backup-code')
      await answer(page, '#backup_code', backupCodes[0])
      await arrive(page, '/')
      await mails.next('backup_code_used')
      await go(page, '/auth/account/two-factor')
      assert.match(await text(page, 'main'), new RegExp(`Codes left: ${backupCodes.length - 1}`))

      // A passkey; then an empty form is enough, by the button and by the list that browsers show at the field.
      const authenticator = await addAuthenticator(page)
      await go(page, '/auth/account')
      await page.locator('#passkeys').click()
      await portrait(page, 'passkeys-none')
      await page.locator('#passkey_name').fill('Laptop')
      await page.locator('#passkey').click()
      await page.locator('#notice').waitFor()
      assert.match(await text(page, '.items'), /Laptop/)
      await portrait(page, 'passkeys')
      assert.equal((await authenticator.credentials()).length, 1)
      await mails.next('passkey_added')
      await signOut(page)
      await authenticator.pressed(false)
      await go(page, '/auth/login')
      await page.locator('#passkey').waitFor()
      await portrait(page, 'login-with-passkey')
      await authenticator.pressed(true)
      await page.locator('#passkey').click()
      await arrive(page, '/')
      assert.match(await text(page, '#who'), new RegExp(ada.name))
      await signOut(page)
      await go(page, '/auth/login')
      await arrive(page, '/')
      assert.match(await text(page, '#who'), new RegExp(ada.name), 'without a click, as the browser offers it')

      // Proving it again makes the session another one.
      const before = await cookies(context)
      await go(page, '/auth/step-up?return_to=%2Fauth%2Faccount')
      await portrait(page, 'step-up')
      assert.equal(await page.locator('#password').count(), 0, 'a passkey that verified her is more than the password')
      await refused(page, '#code', app.again())
      await answer(page, '#code', await app.next())
      await arrive(page, '/auth/account')
      const after = await cookies(context)
      assert.ok(before.auth_session && after.auth_session)
      assert.notEqual(after.auth_session, before.auth_session)

      // A device that is spared the code, until something needs it.
      await signOut(page)
      await authenticator.remove()
      await givePassword(page, ada)
      await arrive(page, '/auth/second-factor')
      await page.locator('#trust_device').check()
      await answer(page, '#code', await app.next())
      await arrive(page, '/')
      await signOut(page)
      await signIn(page, ada)
      await go(page, '/auth/account/two-factor')
      await portrait(page, 'two-factor-device')
      await go(page, '/auth/account/email')
      await arrive(page, '/auth/step-up')
      await portrait(page, 'step-up-second-factor')
      await answer(page, '#code', await app.next())
      await arrive(page, '/auth/account/email')

      // Two devices, and one of them is sent away.
      await withProfile(browser, {}, async (open) => {
        const other = await open()
        await givePassword(other, ada)
        await other.locator('#use_backup_code').click()
        await answer(other, '#backup_code', backupCodes[1])
        await arrive(other, '/')
        await go(page, '/auth/account')
        const others = page.locator('.items > li').filter({ hasNot: page.locator('.badge') })
        assert.equal(await page.locator('.items > li').count(), 2)
        assert.equal(await others.count(), 1)
        await portrait(page, 'account-two-sessions')
        await others.locator('button').click()
        await page.locator('#notice').waitFor()
        assert.equal(await page.locator('.items > li').count(), 1)
        await go(other, '/dashboard')
        assert.equal(at(other), '/auth/login')
        await go(page, '/dashboard')
        assert.equal(at(page), '/dashboard')
      })
    })
  })

  test('an account with a passkey alone', async () => {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      const authenticator = await addAuthenticator(page)
      await go(page, '/auth/register')
      await page.locator('#email').fill(elsa.email)
      await page.locator('#name').fill(elsa.name)
      await page.locator('#passkey').waitFor()
      await portrait(page, 'register-with-passkey')
      await page.locator('#passkey').click()
      await arrive(page, '/auth/confirm')
      assert.equal((await authenticator.credentials()).length, 1)
      const { code } = await mailbox(elsa.email).next('confirmation')
      await authenticator.pressed(false)
      await answer(page, '#code', code)
      await arrive(page, '/auth/login')
      await go(page, '/')
      await authenticator.pressed(true)
      await go(page, '/auth/login')
      await arrive(page, '/')
      assert.match(await text(page, '#who'), new RegExp(elsa.name))
      await go(page, '/auth/account')
      assert.equal(await page.locator('#current_password').count(), 0, 'there is no password to give')
    })
  })

  test('a confirmation by the code; by the link elsewhere the password is chosen anew', async () => {
    const mails = mailbox(bea.email)
    await withProfile(browser, {}, async (open) => {
      await register(await open(), bea)
    })
    const first = await mails.next('confirmation')
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      await page.goto(first.link)
      assert.match(await text(page, '#submit'), /choose a password/)
      await portrait(page, 'confirm-elsewhere')
    })
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      // Nobody signs in before; the right password leads to the code.
      await givePassword(page, bea)
      await arrive(page, '/auth/confirm')
      const { code } = await mails.next('confirmation')
      await refused(page, '#code', code === '000000' ? '000001' : '000000')
      await portrait(page, 'confirm-error')
      await answer(page, '#code', code)
      await arrive(page, '/auth/login')
      await signIn(page, bea)
    })
  })

  test('a link to sign in: nobody by a scanner, the same browser at once, another one with the code', async () => {
    const mails = mailbox(bea.email)
    const ask = async (page) => {
      await go(page, '/auth/login')
      await page.locator('#by_email').click()
      await arrive(page, '/auth/email')
      await page.locator('#email').fill(bea.email)
    }
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      await ask(page)
      await portrait(page, 'email-sign-in')
      await page.locator('#submit').click()
      await arrive(page, '/auth/email/code')
      await portrait(page, 'email-code')
      const { link, code } = await mails.next('magic_link')

      for (const method of ['GET', 'HEAD', 'GET']) {
        const scanner = new Person(host.issuer)
        assert.equal((await scanner.request(link, { method })).status, 200)
        assert.match((await scanner.visit('/')).html, /Nobody is signed in/)
      }
      await withProfile(browser, { expected: refusals }, async (open) => {
        const other = await open()
        await other.goto(link)
        await portrait(other, 'email-code-elsewhere')
        await refused(other, '#code', code === '000000' ? '000001' : '000000')
      })
      await page.goto(link)
      await portrait(page, 'email-code-link')
      await page.locator('#submit').click()
      await arrive(page, '/')
      assert.match(await text(page, '#who'), new RegExp(bea.name))
      await page.goto(link)
      await page.locator('#error').waitFor()
      await portrait(page, 'link-used')

      await signOut(page)
      await ask(page)
      await page.locator('#submit').click()
      await arrive(page, '/auth/email/code')
      const again = await mails.next('magic_link')
      await withProfile(browser, {}, async (open) => {
        const other = await open()
        await other.goto(again.link)
        await answer(other, '#code', again.code)
        await arrive(other, '/')
        assert.match(await text(other, '#who'), new RegExp(bea.name))
      })
      await go(page, '/')
      assert.match(await text(page, '#who'), /Nobody/, 'the browser that asked is as it was')
    })
  })

  test('a forgotten password, another address, and a change that is stopped', async () => {
    const mails = mailbox(cleo.email)
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      await go(page, '/auth/login')
      await page.locator('#forgot').click()
      await portrait(page, 'forgot')
      await answer(page, '#email', cleo.email)
      await page.locator('#notice').waitFor()
      await portrait(page, 'forgot-sent')
      await page.goto((await mails.next('password_reset')).link)
      await portrait(page, 'reset')
      await refused(page, '#new_password', 'passwordpassword')
      await portrait(page, 'reset-error')
      await answer(page, '#new_password', newPassword)
      await arrive(page, '/auth/login')
      await page.locator('#notice').waitFor()
      await mails.next('password_changed')
      await givePassword(page, cleo)
      await page.locator('#error').waitFor()
      await signIn(page, { ...cleo, password: newPassword })

      const change = async (email) => {
        await go(page, '/auth/account')
        await page.locator('#change_email').click()
        await page.locator('#email').fill(email)
        await portrait(page, 'change-email')
        await page.locator('#submit').click()
        await arrive(page, '/auth/account/email/confirm')
      }
      await change(dora2)
      await portrait(page, 'confirm-email-change')
      const stop = await mails.next('email_change_notice')
      const stopped = await mailbox(dora2).next('email_change_confirm')
      await withProfile(browser, {}, async (open) => {
        const other = await open()
        await other.goto(stop.link)
        await portrait(other, 'stop-email-change')
        await other.locator('#submit').click()
        await other.locator('#notice').waitFor()
        await portrait(other, 'stop-email-change-done')
      })
      await page.goto(stopped.link)
      await page.locator('#error').waitFor()

      await change(cleo2)
      await page.goto((await mailbox(cleo2).next('email_change_confirm')).link)
      await portrait(page, 'confirm-email-change-link')
      await page.locator('#submit').click()
      await page.locator('#notice').waitFor()
      assert.equal(at(page), '/auth/account')
      assert.match(await text(page, '.facts'), new RegExp(cleo2))
      const undo = await mails.next('email_change_done')
      await signOut(page)
      await signIn(page, { ...cleo, email: cleo2, password: newPassword })

      // Who reads the old address takes the change back; everybody is signed out.
      await withProfile(browser, {}, async (open) => {
        const other = await open()
        await other.goto(undo.link)
        await portrait(other, 'undo-email-change')
        await other.locator('#submit').click()
        await other.locator('#notice').waitFor()
        await portrait(other, 'undo-email-change-done')
      })
      await go(page, '/dashboard')
      assert.equal(at(page), '/auth/login')
      // With the password that whoever changed the address knew, nobody comes in any more.
      await givePassword(page, { ...cleo, password: newPassword })
      await page.locator('#error').waitFor()
      await page.locator('#forgot').click()
      await answer(page, '#email', cleo.email)
      await page.goto((await mails.next('password_reset')).link)
      await answer(page, '#new_password', lastPassword)
      await arrive(page, '/auth/login')
      await signIn(page, { ...cleo, password: lastPassword })
    })
  })

  test('too many wrong passwords, and the mail that unlocks', async () => {
    await withProfile(browser, { expected: refusals }, async (open) => {
      const page = await open()
      for (let attempt = 0; attempt < 5; attempt++) {
        await givePassword(page, { ...dora, password: `guess number ${attempt}` })
        await page.locator('#error').waitFor()
      }
      await givePassword(page, dora)
      await page.locator('#error').waitFor()
      await portrait(page, 'login-locked')
      await page.goto((await mailbox(dora.email).next('locked_out')).link)
      await portrait(page, 'unlock')
      await page.locator('#submit').click()
      await page.locator('#notice').waitFor()
      await signIn(page, dora)
    })
  })

  test('one’s data as a file, and the end: scheduled, called off, scheduled again', async () => {
    const mails = mailbox(dora.email)
    await withProfile(browser, { expected: [/ERR_ABORTED POST .*\/export$/] }, async (open) => {
      const page = await open()
      await signIn(page, dora)
      await go(page, '/auth/account')
      await page.locator('#delete').click()
      await portrait(page, 'delete')
      const download = page.waitForEvent('download')
      await page.locator('#export').click()
      const file = await download
      assert.match(file.suggestedFilename(), /\.json$/)
      const data = JSON.parse(await readFile(await file.path(), 'utf8'))
      assert.equal(data.user.email, dora.email)
      assert.ok(data.sessions.length >= 1 && data.events.length >= 1)
      assert.doesNotMatch(JSON.stringify(data), /\$argon2/)

      await withProfile(browser, {}, async (open) => {
        const other = await open()
        await signIn(other, dora)
        await page.locator('#delete').click()
        await page.locator('#cancel').waitFor()
        await portrait(page, 'delete-scheduled')
        await go(other, '/dashboard')
        assert.equal(at(other), '/auth/login', 'signed out where else she was')
      })
      await mails.next('deletion_scheduled')
      await page.locator('#cancel').click()
      await page.locator('#delete').waitFor()
      await mails.next('deletion_cancelled')
      await page.locator('#delete').click()
      await page.locator('#cancel').waitFor()
      const { link } = await mails.next('deletion_scheduled')
      await signOut(page)
      // Until the end comes she can come back, by the link of the mail.
      await page.goto(link)
      assert.equal(at(page), '/auth/login')
      await page.locator('#email').fill(dora.email)
      await page.locator('#password').fill(dora.password)
      await page.locator('#submit').click()
      await page.locator('#cancel').waitFor()
    })
  })

  test('what was sent is shown to whoever develops', async () => {
    await withProfile(browser, {}, async (open) => {
      const page = await open()
      await go(page, '/auth/dev/mail')
      await portrait(page, 'dev-mail')
      await page.getByRole('link', { name: 'Your link to sign in' }).first().click()
      await page.locator('#link-1').waitFor()
      await portrait(page, 'dev-mail-one')
      await page.locator('#html').click()
      await page.getByRole('link', { name: 'Sign in' }).waitFor()
      // Where it stands it may run nothing, not even what looks for barriers.
      const mail = await open()
      await mail.setContent((await mailbox(bea.email).next('magic_link')).html)
      await portrait(mail, 'mail')
    })
  })
})

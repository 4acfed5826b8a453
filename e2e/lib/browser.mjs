// A real Chromium, watched: any console error, uncaught exception or blocked content fails the test.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { chromium } from 'playwright-core'

import { nextAddress } from './servers.mjs'

const screenshots = join(dirname(fileURLToPath(import.meta.url)), '../screenshots')
mkdirSync(screenshots, { recursive: true })
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox', // containers have no user namespaces; every page is our own
      '--disable-gpu',
      '--disable-quic',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })

/** The profiles in which pages run no script. */
const scriptless = new WeakSet()

/** A new, empty browser profile, handed to `act` with a function that opens tabs; checked and closed after. */
export async function withProfile(browser, { expected = [], ...options }, act) {
  const context = await browser.newContext({ extraHTTPHeaders: nextAddress(), ...options })
  context.setDefaultTimeout(10_000)
  if (options.javaScriptEnabled === false) scriptless.add(context)
  const complaints = []
  const complain = (text, url) => {
    if (!expected.some((pattern) => pattern.test(text))) complaints.push(`${url}: ${text}`)
  }
  const open = async () => {
    const page = await context.newPage()
    page.on('console', (message) => {
      if (message.type() === 'error' || /content.security.policy/i.test(message.text())) {
        complain(message.text(), page.url())
      }
    })
    page.on('pageerror', (error) => complain(String(error), page.url()))
    page.on('requestfailed', (request) => {
      // The sign-in page asks for a challenge by itself; a person may go on before it comes.
      if (request.url().endsWith('/login/passkey/begin') && request.failure()?.errorText === 'net::ERR_ABORTED') return
      complain(`${request.failure()?.errorText} ${request.method()} ${request.url()}`, page.url())
    })
    return page
  }
  try {
    await act(open, context)
    assert.deepEqual(complaints, [])
  } catch (error) {
    const told = [String(error.message), ...complaints.map((line) => `the browser complained: ${line}`)]
    for (const [index, page] of context.pages().entries()) {
      told.push(`tab ${index} is at ${page.url()}`)
      await page.screenshot({ path: join(screenshots, `failure-${index}.png`) }).catch(() => {})
    }
    throw new Error(told.join('\n'), { cause: error })
  } finally {
    await context.close()
  }
}

/**
 * An authenticator that is built into the device of a tab and knows its owner (WebAuthn Level 3 §11). It follows the tab
 * from page to page.
 */
export async function addAuthenticator(page) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return {
    credentials: async () => (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    /** Whether its owner touches it when it asks. */
    pressed: (enabled) => devtools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
    remove: () => devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId }),
  }
}

/** What axe-core finds wrong, in words. A page without scripts is looked at in a copy that has them, but not its own. */
async function barriers(page) {
  if (scriptless.has(page.context())) {
    const markup = (await page.content()).replaceAll(/<script\b[^>]*><\/script>/g, '')
    const copy = await page.context().browser().newPage({ viewport: page.viewportSize() })
    try {
      await copy.route(page.url(), (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: markup }))
      await copy.emulateMedia({ colorScheme: await page.evaluate(() => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) })
      await copy.goto(page.url())
      return await barriers(copy)
    } finally {
      await copy.close()
    }
  }
  // By way of the protocol, not of an element: the page's policy lets no other script in.
  await page.evaluate(axe)
  const { violations } = await page.evaluate(async () => {
    // Where a page says nothing of its ground, axe takes it for white; in the dark it is not.
    const { style } = document.documentElement
    const isClear = [document.documentElement, document.body].every(
      (element) => getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)',
    )
    if (isClear) style.backgroundColor = 'Canvas'
    const found = await globalThis.axe.run({ iframes: false })
    if (isClear) style.backgroundColor = ''
    return found
  })
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`)
}

const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } }

/** Pictures of a page in light and dark, on a phone and on a desktop, and what every page must have. */
export async function portrait(page, name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: join(screenshots, `${name}-${size}-${colorScheme}.png`), fullPage: true })
      assert.deepEqual(await barriers(page), [], `${name} has barriers on a ${size}, ${colorScheme}`)
    }
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    assert.ok(overflow <= 0, `${name} scrolls sideways by ${overflow} px on a ${size}`)
  }
  await page.emulateMedia({ colorScheme: null })
  const found = await page.evaluate(() => ({
    title: document.title,
    lang: document.documentElement.lang,
    headings: document.querySelectorAll('h1').length,
    mains: document.querySelectorAll('main').length,
    unlabelled: [...document.querySelectorAll('input:not([type=hidden]):not([hidden])')]
      .filter((input) => input.labels.length === 0)
      .map((input) => input.outerHTML),
    twice: [...document.querySelectorAll('[id]')]
      .map((element) => element.id)
      .filter((id, index, ids) => ids.indexOf(id) !== index),
  }))
  assert.ok(found.title && found.lang, `${name} has a title and a language`)
  assert.equal(found.headings, 1, `${name} has one h1`)
  assert.equal(found.mains, 1, `${name} has one main`)
  assert.deepEqual(found.unlabelled, [], `${name} labels its inputs`)
  assert.deepEqual(found.twice, [], `${name} has every id once`)
}

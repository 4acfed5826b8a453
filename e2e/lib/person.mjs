// A person with a browser that knows links, forms and cookies, and no script: every page has to work for it.
import http from 'node:http'

import { nextAddress } from './servers.mjs'

export class Person {
  #cookies = new Map()
  #origin
  #address = nextAddress()

  /** Someone with these credentials, whose browser stays on `issuer`. */
  constructor(issuer, { email, password } = {}) {
    this.#origin = new URL(issuer).origin
    this.email = email
    this.password = password
  }

  /** One request, no redirects followed. */
  request(url, { method = 'GET', form, headers = {} } = {}) {
    const target = new URL(url, this.#origin)
    const body = form && new URLSearchParams(form).toString()
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Promise((done, failed) => {
      const request = http.request(
        target,
        {
          method,
          timeout: 20_000,
          headers: {
            accept: 'text/html,application/xhtml+xml',
            'sec-fetch-site': method === 'POST' ? 'same-origin' : 'cross-site',
            'sec-fetch-mode': 'navigate',
            'sec-fetch-dest': 'document',
            ...(method === 'POST' && { origin: this.#origin }),
            ...(cookie && { cookie }),
            ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
            ...this.#address,
            ...headers,
          },
        },
        (response) => {
          const chunks = []
          response.on('data', (chunk) => chunks.push(chunk))
          response.on('error', failed)
          response.on('end', () => {
            this.#keep(response.headers['set-cookie'] ?? [])
            done({
              status: response.statusCode,
              headers: response.headers,
              url: target,
              html: Buffer.concat(chunks).toString(),
            })
          })
        },
      )
      request.on('timeout', () => request.destroy(new Error(`${target} did not answer in time`)))
      request.on('error', failed)
      request.end(body)
    })
  }

  /** Goes to a URL and follows redirects, up to one that leaves the host: that one is returned as `left`. */
  async visit(url, options) {
    let answer = await this.request(url, options)
    for (let hops = 0; answer.status >= 300 && answer.status < 400; hops++) {
      if (hops > 10) throw new Error(`too many redirects from ${url}`)
      const next = new URL(answer.headers.location, answer.url)
      if (next.origin !== this.#origin) return { ...answer, left: next }
      answer = await this.request(next)
    }
    return answer
  }

  /** Submits the form that has the button, with what it already holds and the fields given. */
  submit(page, button, fields = {}) {
    const form = formWith(page.html, button)
    return this.visit(new URL(form.action, page.url), { method: 'POST', form: { ...form.fields, ...fields } })
  }

  /** Goes through sign-in and consent as they come. Ends where the browser leaves, or at a page it cannot answer. */
  async authorize(url, { allow = true } = {}) {
    let page = await this.visit(url)
    for (let step = 0; step < 6 && !page.left; step++) {
      if (hasId(page.html, 'allow')) {
        page = await this.submit(page, allow ? 'allow' : 'deny')
      } else if (hasId(page.html, 'password')) {
        page = await this.submit(page, 'submit', { email: this.email, password: this.password })
      } else {
        break
      }
    }
    return page
  }

  #keep(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';')
      const at = pair.indexOf('=')
      const name = pair.slice(0, at).trim()
      const names = attributes.map((attribute) => attribute.trim().toLowerCase())
      // Over plain http a strict browser keeps no Secure cookie.
      if (names.includes('secure')) continue
      const gone = names.some(
        (attribute) =>
          attribute === 'max-age=0' ||
          (attribute.startsWith('expires=') && Date.parse(attribute.slice(8)) < Date.now()),
      )
      if (gone) this.#cookies.delete(name)
      else this.#cookies.set(name, pair.slice(at + 1).trim())
    }
  }
}

export const hasId = (html, id) => html.includes(`id="${id}"`)

/** The form that holds the element with this id: its action, its fields, and the name and value of that button. */
export function formWith(html, id) {
  const forms = html.match(/<form\b[\s\S]*?<\/form>/g) ?? []
  const form = forms.find((text) => hasId(text, id))
  if (!form) throw new Error(`no form has #${id} on this page:\n${html}`)
  const fields = {}
  for (const tag of form.match(/<(?:input|button)\b[^>]*>/g) ?? []) {
    const name = attribute(tag, 'name')
    const type = attribute(tag, 'type')
    if (!name) continue
    const pressed = tag.startsWith('<button') && attribute(tag, 'id') === id
    const ticked = type === 'checkbox' && /\schecked\b/.test(tag)
    const typed = tag.startsWith('<input') && type !== 'checkbox'
    if (pressed || ticked || typed) fields[name] = attribute(tag, 'value') ?? ''
  }
  return { action: attribute(form, 'action'), fields }
}

function attribute(tag, name) {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]
  return value === undefined ? undefined : decode(value)
}

function decode(text) {
  const named = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal) return String.fromCodePoint(Number(decimal))
    return named[name] ?? all
  })
}

// The mails of one person, as the page of the development outbox has them for a program.
import assert from 'node:assert/strict'

const PATIENCE = 20_000

export class Mailbox {
  #seen = new Set()

  constructor(issuer, address) {
    this.issuer = issuer
    this.address = address
  }

  /** What came to this address, the newest first. */
  async all() {
    const answer = await fetch(`${this.issuer}/auth/dev/mail`, { headers: { accept: 'application/json' } })
    assert.equal(answer.status, 200)
    return (await answer.json()).context.mails.filter((mail) => mail.to === this.address)
  }

  /** The oldest mail of this kind that was not read yet, waited for, with its link and its code. */
  async next(kind) {
    const deadline = Date.now() + PATIENCE
    for (;;) {
      const mails = await this.all()
      const mail = mails.reverse().find((mail) => mail.kind === kind && !this.#seen.has(mail.id))
      if (mail) {
        this.#seen.add(mail.id)
        return read(mail)
      }
      if (Date.now() > deadline) throw new Error(`no mail ${kind} came; there are ${mails.map((mail) => mail.kind)}`)
      await new Promise((wake) => setTimeout(wake, 100))
    }
  }
}

/** A mail with what people take from it: the first link, and the digits on a line of their own. */
export const read = (mail) => ({
  ...mail,
  link: /^https?:\/\/\S+$/m.exec(mail.text)?.[0],
  code: /^ *(\d{6})$/m.exec(mail.text)?.[1],
})

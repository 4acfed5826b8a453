// An authenticator app (RFC 6238 with its defaults: SHA-1, six digits, thirty seconds).
import { createHmac } from 'node:crypto'

const STEP = 30_000

export class AuthenticatorApp {
  #key
  #last = -1

  /** With the key as a person types it (RFC 4648 §6). */
  constructor(secret) {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
    const bits = [...secret.replaceAll(/\s/g, '')].map((sign) => alphabet.indexOf(sign).toString(2).padStart(5, '0')).join('')
    this.#key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  }

  /**
   * A code that was not used yet. Codes of one step before and after are good too, so three can be had at once; the next
   * is waited for.
   */
  async next() {
    // The server reads its clock a little later than we do ours.
    const oldest = Math.floor((Date.now() + 5_000) / STEP) - 1
    const step = Math.max(this.#last + 1, oldest)
    this.#last = step
    const wait = (step - 1) * STEP + 200 - Date.now()
    if (wait > 0) await new Promise((wake) => setTimeout(wake, wait))
    return this.code(step)
  }

  /** The code that was given last. */
  again() {
    return this.code(this.#last)
  }

  /** The code of a step (RFC 4226 §5.3). */
  code(step) {
    const counter = Buffer.alloc(8)
    counter.writeBigUInt64BE(BigInt(step))
    const digest = createHmac('sha1', this.#key).update(counter).digest()
    const offset = digest[19] & 15
    const number = (digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000
    return String(number).padStart(6, '0')
  }
}

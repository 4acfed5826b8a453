-- `ThrottleState::count` of auth-core, in one step. Gives 0 (allowed, remaining), 1 (locked, until) or 2 (refused,
-- until). ARGV: now, limit, window, lock, longest lock, forget after, slack.
local now, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lock, max_lock = tonumber(ARGV[4]), tonumber(ARGV[5])
local forget_after, slack = tonumber(ARGV[6]), tonumber(ARGV[7])

local v = redis.call('HMGET', KEYS[1], 'count', 'window', 'until', 'locks', 'forget')
local count, started = tonumber(v[1] or 0), tonumber(v[2] or 0)
local locked_until, locks, forget = tonumber(v[3] or 0), tonumber(v[4] or 0), tonumber(v[5] or 0)

if now < locked_until then
  return { 2, string.format('%.0f', locked_until) }
end
if forget <= now then
  count, locked_until, locks = 0, 0, 0
end
if count == 0 or started + window <= now then
  count, started = 0, now
end
count = count + 1

local answer
if count <= limit then
  forget = now + forget_after
  answer = { 0, string.format('%.0f', limit - count) }
else
  locked_until = now + math.min(lock * 2 ^ math.min(locks, 31), max_lock)
  locks, count = locks + 1, 0
  forget = locked_until + forget_after
  answer = { 1, string.format('%.0f', locked_until) }
end
local function text(number)
  return string.format('%.0f', number)
end
redis.call('HSET', KEYS[1], 'count', text(count), 'window', text(started), 'until', text(locked_until),
  'locks', text(locks), 'forget', text(forget))
redis.call('PEXPIRE', KEYS[1], text(forget - now + slack))
return answer

-- Moves activity forward, never back; makes no record. ARGV: last seen, idle end, slack.
local record = redis.call('GET', KEYS[1])
if not record then
  return 0
end
local digest, seen, idle, ends, rest = string.match(record, '^(%S+) (%S+) (%S+) (%S+) (.*)$')
local later = tonumber(ARGV[1]) > tonumber(seen)
local longer = tonumber(ARGV[2]) > tonumber(idle)
if not later and not longer then
  return 0
end
record = table.concat({ digest, later and ARGV[1] or seen, longer and ARGV[2] or idle, ends, rest }, ' ')
if longer then
  local left = math.max(math.min(tonumber(ARGV[2]), tonumber(ends)) - tonumber(ARGV[1]), 0)
  redis.call('SET', KEYS[1], record, 'PX', string.format('%.0f', left + tonumber(ARGV[3])))
else
  redis.call('SET', KEYS[1], record, 'KEEPTTL')
end
return 1

-- Moves activity forward, never back; makes no record. ARGV: last seen, idle end, slack.
local stands = redis.call('HMGET', KEYS[1], 'seen', 'idle', 'ends')
if not stands[1] then
  return 0
end
local seen, idle = tonumber(ARGV[1]), tonumber(ARGV[2])
if seen > tonumber(stands[1]) then
  redis.call('HSET', KEYS[1], 'seen', ARGV[1])
end
if idle > tonumber(stands[2]) then
  redis.call('HSET', KEYS[1], 'idle', ARGV[2])
  local left = math.max(math.min(idle, tonumber(stands[3])) - seen, 0)
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left + tonumber(ARGV[3])))
end
return 1

-- Claims a key that nobody holds. ARGV: now, keep until, ttl.
local v = redis.call('HMGET', KEYS[1], 'spent', 'keep', 'expires')
if v[1] then
  local ends = v[1] == '1' and v[2] or v[3]
  if tonumber(ARGV[1]) < tonumber(ends) then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'payload', '', 'expires', ARGV[2], 'keep', ARGV[2], 'spent', '1')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1

-- Spends a value. Gives 0 (absent), 1 (first) or 2 (again) and the value. ARGV: now, slack.
local v = redis.call('HMGET', KEYS[1], 'payload', 'expires', 'keep', 'spent')
if not v[1] then
  return { 0, '', '0', '0' }
end
local now, keep = tonumber(ARGV[1]), tonumber(v[3])
if v[4] == '1' then
  if now < keep then
    return { 2, v[1], v[2], v[3] }
  end
  return { 0, '', '0', '0' }
end
if now >= tonumber(v[2]) then
  return { 0, '', '0', '0' }
end
redis.call('HSET', KEYS[1], 'spent', '1')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep - now + tonumber(ARGV[2])))
return { 1, v[1], v[2], v[3] }

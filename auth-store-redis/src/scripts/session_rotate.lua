-- Replaces a session's record while its secret is still the old one. ARGV: old digest, record, ttl.
local record = redis.call('GET', KEYS[1])
if not record or string.match(record, '^%S+') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1

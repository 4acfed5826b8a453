-- Ends a session of this user; gives its digest, or nothing. ARGV: user.
local stands = redis.call('HMGET', KEYS[1], 'user', 'digest')
if stands[1] ~= ARGV[1] then
  return false
end
redis.call('DEL', KEYS[1])
return stands[2]

-- Lists a session in its user's set until its end, never shorter than before, and drops those that ended long ago.
-- ARGV: end, session, ended long ago, ttl.
redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
-- The set lives as long as the longest of its sessions.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return 1

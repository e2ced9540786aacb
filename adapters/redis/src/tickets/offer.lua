-- Makes tickets for the jobs that have none, or one of an earlier version. Returns how many tickets wait, and how many are
-- held.
-- KEYS: the waiting tickets by their place, the held ones by the end of their term, and all with their version (and holder).
-- ARGV: the most tickets that wait, the life of the keys in milliseconds, and for each job its id, its version and its place.
local waiting, held, tickets = KEYS[1], KEYS[2], KEYS[3]
for i = 3, #ARGV, 3 do
  local id, version, place = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local known = tonumber(string.match(redis.call('HGET', tickets, id) or '', '^(%d+)'))
  -- A server that evicts keys may have kept only some of them.
  local is_there = known and (redis.call('ZSCORE', waiting, id) or redis.call('ZSCORE', held, id))
  if not is_there or known < tonumber(version) then
    redis.call('ZREM', held, id)
    redis.call('ZADD', waiting, place, id)
    redis.call('HSET', tickets, id, version)
  end
end
local surplus = redis.call('ZCARD', waiting) - tonumber(ARGV[1])
if surplus > 0 then
  for _, id in ipairs(redis.call('ZRANGE', waiting, -surplus, -1)) do
    redis.call('ZREM', waiting, id)
    redis.call('HDEL', tickets, id)
  end
end
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[2])
end
return { redis.call('ZCARD', waiting), redis.call('ZCARD', held) }

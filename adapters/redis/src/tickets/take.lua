-- Gives the first tickets to a claim. Returns their ids and versions in turn.
-- KEYS: as in offer.lua. ARGV: the most tickets, the claim, the term in milliseconds, and the life of the keys in
-- milliseconds. The term is measured by the clock of the server.
local waiting, held, tickets = KEYS[1], KEYS[2], KEYS[3]
local limit = tonumber(ARGV[1])
local taken = {}
if limit == 0 then
  return taken
end
local time = redis.call('TIME')
local ends = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3])
for _, id in ipairs(redis.call('ZRANGE', waiting, 0, limit - 1)) do
  redis.call('ZREM', waiting, id)
  local version = string.match(redis.call('HGET', tickets, id) or '', '^(%d+)')
  if version then
    redis.call('ZADD', held, ends, id)
    redis.call('HSET', tickets, id, version .. ' ' .. ARGV[2])
    table.insert(taken, id)
    table.insert(taken, version)
  end
end
if #taken > 0 then
  for _, key in ipairs(KEYS) do
    redis.call('PEXPIRE', key, ARGV[4])
  end
end
return taken

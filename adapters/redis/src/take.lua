-- Takes one from the bucket KEYS[1] by the generic cell rate algorithm. Returns whether that was allowed and the debt
-- of the bucket after it, both as whole numbers. All times are in microseconds, which a double holds exactly.
-- ARGV: interval, capacity, and in tests the time. By default the time is the server's.
local interval = tonumber(ARGV[1])
local capacity = tonumber(ARGV[2])
local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local stored = redis.call('GET', KEYS[1])
local debt = math.max((stored and tonumber(stored) or 0) - now, 0)
-- Caused by an earlier, higher limit, or by a clock that was set back.
local excessive = debt > capacity
if excessive then
  debt = capacity
end

local allowed = debt + interval <= capacity
if allowed then
  debt = debt + interval
end
if allowed or excessive then
  if debt > 0 then
    -- The key expires when the bucket is full again.
    redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', string.format('%.0f', math.ceil(debt / 1000)))
  else
    redis.call('DEL', KEYS[1])
  end
end
return { allowed and 1 or 0, debt }

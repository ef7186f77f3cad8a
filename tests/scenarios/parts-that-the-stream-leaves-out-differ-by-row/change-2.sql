UPDATE hq.author SET name = 'Dr. Snow';

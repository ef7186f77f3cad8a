INSERT INTO acequia.migration (version, name) VALUES (999, 'future');
